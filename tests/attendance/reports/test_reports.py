"""The figures of sections and the students at risk: whole results, and the same numbers as in the registers."""

import datetime
from collections import Counter

import pytest
from django.utils import timezone

from attendance.models import Enrolment, MeetingState, Status
from attendance.registers.dates import DateRange
from attendance.registers.term_register import term_register
from attendance.reports import size
from attendance.reports.at_risk import students_at_risk
from attendance.reports.presence import HourPresence, presence_by_class, presence_by_hour
from attendance.reports.sections import by_department, section_reports, total
from attendance.reports.size import TooMuch, check_size
from attendance.rules.risk import Risk
from attendance.rules.standing import Standing
from tests.support import factories
from tests.support.registers.letters import hold, section_with

pytestmark = pytest.mark.django_db

# A Monday.
FIRST = datetime.date(2026, 9, 7)
TODAY = FIRST + datetime.timedelta(days=60)


def moment(day: int, hour: int = 10) -> datetime.datetime:
    date = FIRST + datetime.timedelta(days=day)
    return timezone.make_aware(datetime.datetime.combine(date, datetime.time(hour)))


AT = moment(60)


def section_of(*letters, **fields):
    return section_with(*letters, first=moment(0), **fields)


def reports_of(*sections, **options):
    return section_reports(sections, today=TODAY, at=AT, **options)


def test_figures_of_a_section():
    section = section_of(
        "PPPP",  # 100 %
        "PPPA",  # 75 %
        "LAAA",  # 25 %
        "EEEE",  # nothing counts
        "...A",  # 0 % of one class
    )
    factories.make_enrolment(section=section, roll_number="99")
    factories.make_rule(section=section, minimum_percentage=75, warn_below=80)
    factories.make_planned(section=section, starts_at=moment(20))
    factories.make_planned(section=section, starts_at=moment(70))
    factories.make_meeting(section=section, starts_at=moment(21), state=MeetingState.CANCELLED)

    (report,) = reports_of(section)

    figures = report.figures
    assert (figures.students, figures.held, figures.not_taken) == (6, 4, 1)
    assert figures.standings == Counter({Standing.OK: 1, Standing.WARNED: 1, Standing.BELOW: 2})
    assert (figures.with_percentage, figures.without_percentage) == (4, 2)
    # (100 + 75 + 25 + 0) / 4
    assert figures.mean_percentage == 50.0
    assert figures.distribution == Counter({9: 1, 7: 1, 2: 1, 0: 1})
    # The third one; one class says nothing of the fifth.
    assert figures.at_risk == 1
    assert report.rule_words == ["Required: 75%.", "Warning below 80%.", "Excused classes do not count."]


def test_figures_agree_with_the_registers():
    sections = [section_of("PLAPE", "AAPLP", "PPPPA"), section_of("PA", "LL"), section_of("")]
    factories.make_rule(section=sections[0], minimum_percentage=70, late_counts=50, drop_lowest=1)

    for report in reports_of(*sections):
        results = [row.result for row in term_register(report.section, today=TODAY).rows]
        shares = [result.share for result in results if result.share is not None]
        assert report.figures.students == len(results)
        assert report.figures.shares == sum(shares)
        assert report.figures.standings == Counter(
            result.standing for result in results if result.share is not None
        )


def test_students_who_have_left_are_left_out_unless_all_have():
    one_left, all_left = section_of("PPP", "AAA"), section_of("PPP", "AAA")
    leaving = TODAY - datetime.timedelta(days=1)
    Enrolment.objects.filter(section=one_left, roll_number="02").update(to_date=leaving)
    Enrolment.objects.filter(section=all_left).update(to_date=leaving)

    by_section = {report.section: report.figures for report in reports_of(one_left, all_left)}

    assert (by_section[one_left].students, by_section[one_left].mean_percentage) == (1, 100.0)
    assert (by_section[all_left].students, by_section[all_left].mean_percentage) == (2, 50.0)
    assert students_at_risk([one_left, all_left], today=TODAY) == []


def test_student_of_two_sections_counts_in_each_by_its_own_classes():
    first = section_of("PPPP")
    student = factories.students_of(first)[0]
    second = factories.make_section(students=[student], minimum_percentage=75)
    hold(second, "AAA", first=moment(10))

    by_section = {report.section: report.figures for report in reports_of(first, second)}
    listed = students_at_risk([first, second], today=TODAY)

    assert [by_section[one].mean_percentage for one in (first, second)] == [100.0, 0.0]
    assert [by_section[one].held for one in (first, second)] == [4, 3]
    assert [(one.section, one.student, one.result.held) for one in listed] == [(second, student, 3)]


def test_section_without_classes_has_no_percentage():
    (report,) = reports_of(section_of("", ""))

    figures = report.figures
    assert (figures.students, figures.held, figures.mean_percentage) == (2, 0, None)
    assert (figures.without_percentage, figures.standings, figures.at_risk) == (2, Counter(), 0)


def test_days_limit_classes_and_numbers():
    section = section_of("AAAP")
    factories.make_planned(section=section, starts_at=moment(20))

    (report,) = reports_of(section, dates=DateRange(moment(3).date(), moment(10).date()))

    assert (report.figures.held, report.figures.not_taken, report.figures.mean_percentage) == (1, 0, 100.0)


def test_sums_of_courses_and_departments_add_up():
    science = factories.make_course(code="B2", department="Science")
    history = factories.make_course(code="B10", department="Arts")
    law = factories.make_course(code="A1")
    sections = [
        section_of("PPP", "AAA", course=science, name="10"),
        section_of("PPA", course=science, name="2"),
        section_of("", course=history, name="1"),
        section_of("PPPP", course=law, name="1"),
    ]

    reports = reports_of(*sections)

    found = [
        (
            department.name,
            [
                (course.course.code, [one.section.name for one in course.sections])
                for course in department.courses
            ],
            (department.figures.students, department.figures.held, department.figures.below),
        )
        for department in by_department(reports)
    ]
    assert found == [
        ("Arts", [("B10", ["1"])], (1, 0, 0)),
        ("Science", [("B2", ["2", "10"])], (3, 6, 2)),
        ("", [("A1", ["1"])], (1, 4, 0)),
    ]
    assert total(by_department(reports)) == total(reports)
    # 100, 0, 66.7 and 100 %: each student counts once.
    assert total(reports).mean_percentage == 66.7


def test_at_risk_are_listed_with_their_reasons_the_most_serious_first():
    first = section_of(
        "PPPPPPPP",
        "PPPPPPAAA"[:8],  # 75 %: falls by 50 points
        "PPPPPAAA",  # 62.5 %, three absences in a row, falls by 75 points
        "PAPAPPPA",  # 62.5 %
        name="1",
    )
    second = section_of("PPPPPPPP", "APPPAPAA", name="2")
    factories.make_rule(section=second, minimum_percentage=90, forecast_counts_planned=True)

    listed = students_at_risk([second, first], today=TODAY)

    assert [
        (one.section, one.roll_number, one.result.percentage, one.reasons, one.absences) for one in listed
    ] == [
        (second, "02", 50.0, [Risk.LOST, Risk.FALLING], 2),
        (first, "03", 62.5, [Risk.BELOW, Risk.ABSENCES, Risk.FALLING], 3),
        (first, "04", 62.5, [Risk.BELOW], 1),
        (first, "02", 75.0, [Risk.FALLING], 2),
    ]
    assert listed[0].why == ["cannot reach 90% any more", "attends much less than before"]
    assert listed[0].forecast == "Cannot reach 90% any more."
    assert listed[1].why == ["below 75%", "absent at the last 3 classes", "attends much less than before"]
    assert listed[1].forecast == "Reaches 75% by attending the next 4 classes."
    assert listed[3].forecast == "May not miss the next class."
    assert [one.result for one in listed if one.section == first] == [
        row.result
        for roll_number in ("03", "04", "02")
        for row in term_register(first, today=TODAY).rows
        if row.roll_number == roll_number
    ]


@pytest.mark.parametrize(
    ("letters", "planned", "rule", "words"),
    [
        ("PPPPAAA", 10, {"forecast_counts_planned": True}, "Reaches 75% by attending the next 5 classes."),
        (
            "PAAA",
            4,
            {"minimum_percentage": 50, "forecast_counts_planned": True},
            "Reaches 50% by attending the next 2 classes.",
        ),
        (
            "PPPAAA",
            14,
            {"minimum_percentage": 20, "forecast_counts_planned": True},
            "May miss 13 of the 14 classes that remain.",
        ),
        ("PPPAAA", 0, {"minimum_percentage": 20}, "May miss 9 more classes in a row."),
        ("PPPAAA", 0, {"minimum_percentage": 0}, ""),
    ],
)
def test_forecast_in_words(letters, planned, rule, words):
    section = factories.make_section(students=1)
    factories.make_rule(section=section, **{"minimum_percentage": 75, **rule})
    hold(section, letters, first=moment(0))
    for day in range(planned):
        factories.make_planned(section=section, starts_at=moment(61 + day))

    (one,) = students_at_risk([section], today=TODAY)

    assert one.forecast == words


def test_presence_of_each_class_and_hour(settings):
    settings.TIME_ZONE = "Europe/Berlin"
    section = factories.make_section(students=4)
    hold(section, "PA", "LP", "E-", "A.", first=moment(0))
    # A week after the first one.
    hold(section, "P", "P", "A", "A", first=moment(7))
    cancelled = factories.make_meeting(section=section, starts_at=moment(8), state=MeetingState.CANCELLED)
    factories.make_record(meeting=cancelled, status=Status.PRESENT)

    classes = presence_by_class([section])

    assert [
        (one.starts_at, one.present, one.late, one.excused, one.absent, one.without, one.percentage)
        for one in classes
    ] == [
        (moment(0), 1, 1, 1, 1, 0, 66.7),
        (moment(1), 1, 0, 0, 1, 1, 50.0),
        (moment(7), 2, 0, 0, 2, 0, 50.0),
    ]
    hour = timezone.localtime(moment(0)).hour
    assert presence_by_hour(classes) == [HourPresence(0, hour, 2, 4, 7), HourPresence(1, hour, 1, 1, 2)]
    assert presence_by_class([section], dates=DateRange(moment(1).date(), moment(2).date())) == classes[1:2]


def test_queries_do_not_grow(django_assert_num_queries):
    sections = [section_of("PAAA")]
    for number in (1, 4):
        sections += [section_of("PAAA", "AAAA", "PPPP") for _ in range(number - 1)]
        with django_assert_num_queries(9):
            section_reports(sections, today=TODAY, at=AT)
        with django_assert_num_queries(7):
            students_at_risk(sections, today=TODAY)
        with django_assert_num_queries(1):
            presence_by_class(sections)


def test_report_of_too_many_records_or_sections_is_refused(monkeypatch):
    sections = [section_of("PPP"), section_of("PPP")]
    monkeypatch.setattr(size, "MAX_RECORDS", 5)

    with pytest.raises(TooMuch):
        check_size(sections, DateRange())
    check_size(sections[:1], DateRange())
    check_size(sections, DateRange(moment(2).date()))
    monkeypatch.setattr(size, "MAX_SECTIONS", 1)
    with pytest.raises(TooMuch):
        check_size(sections, DateRange(moment(2).date()))
