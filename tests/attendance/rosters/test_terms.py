"""Terms in rosters: found by id, else by name and days, and dated by the academic sessions of a OneRoster export."""

import datetime

import pytest

from attendance.models import Meeting, MeetingState, Section, Term
from attendance.rosters.report import Action, Kind
from attendance.timetable import planning
from tests.support.factories import (
    make_course,
    make_meeting,
    make_pattern,
    make_section,
    make_term,
)
from tests.support.races import run_concurrently
from tests.support.rosters import (
    SAMPLES,
    SDS_SAMPLE,
    TODAY,
    all_rows,
    load,
    problems,
    write,
    write_export,
    write_layout,
)

pytestmark = pytest.mark.django_db

DATE = datetime.date
SESSIONS = "sourcedId,status,title,type,startDate,endDate,parentSourcedId,schoolYear\n"
FALL_2026 = "t1,active,Fall,term,2026-08-17,2026-12-19,,2027\n"
FALL_2027 = "t9,active,Fall,term,2027-08-16,2027-12-18,,2028\n"


def export(folder, sessions=FALL_2026, classes="c1,active,Algebra,k1,ALG-1,t1\n", **files):
    first = classes.partition(",")[0]
    enrolled = f"e1,active,{first},o1,u1,student,false,,\n"
    return write_export(
        folder, academicSessions=SESSIONS + sessions, classes=classes, enrollments=enrolled, **files
    )


def terms() -> list[tuple[str, str, str, str]]:
    """Name, id and days of each term, in the order in which they were made."""
    rows = Term.objects.order_by("pk").values_list("name", "external_id", "first_day", "last_day")
    return [(name, key, str(first or ""), str(last or "")) for name, key, first, last in rows]


def sections() -> list[tuple[str, str, str]]:
    """The id, the name and the first day of the term of each section."""
    rows = Section.objects.order_by("pk").values_list("external_id", "name", "term__first_day")
    return [(key, name, str(first or "")) for key, name, first in rows]


def of_terms(report) -> list[str]:
    return [str(line) for line in report.lines if line.kind is Kind.TERM]


def held_class(section) -> Meeting:
    at = datetime.datetime(2025, 10, 6, 9, tzinfo=datetime.UTC)
    return make_meeting(section=section, starts_at=at, ended_at=at)


# --- What the file says -----------------------------------------------------------------------------------


def test_academic_session_gives_its_id_and_its_days_without_the_end(tmp_path):
    report = load(export(tmp_path))

    assert terms() == [("Fall", "t1", "2026-08-17", "2026-12-18")]
    assert of_terms(report) == ["term created: Fall (2026-08-17 – 2026-12-18)"]
    assert Section.objects.get().term == Term.objects.get()


def test_terms_of_school_data_sync_have_their_days():
    load(SDS_SAMPLE)

    assert sorted(terms()) == [
        ("2021 School Year", "SY2021K12", "2021-08-24", "2022-06-10"),
        ("Fall Semester", "FS2021HED", "2021-09-01", "2021-11-30"),
    ]


def test_class_of_several_terms_is_of_the_one_above_them():
    report = load(SAMPLES / "oneroster-one-enrolment-per-term")
    before = all_rows()
    again = load(SAMPLES / "oneroster-one-enrolment-per-term")

    assert terms() == [("2026-2027", "year1", "2026-08-17", "2027-05-27")]
    assert of_terms(report) == ["term created: 2026-2027 (2026-08-17 – 2027-05-27)"]
    assert (all_rows(), again.lines) == (before, [])
    assert again.counts[Kind.TERM, Action.UNCHANGED] == 1


@pytest.mark.parametrize(
    ("of_class", "expected"),
    [
        ("q1,q2", "Fall"),
        ("q1,s2", "Year"),
        ("q2,s1", "Fall"),
        ("q1,q2,s2,y", "Year"),
        ("q1", "Quarter 1"),
        ("q1,q1", "Quarter 1"),
    ],
)
def test_nearest_common_term_is_taken(tmp_path, of_class, expected):
    sessions = (
        "y,active,Year,schoolYear,2026-08-17,2027-05-28,,2027\n"
        "s1,active,Fall,semester,2026-08-17,2026-12-19,y,2027\n"
        "s2,active,Spring,semester,2027-01-05,2027-05-28,y,2027\n"
        "q1,active,Quarter 1,gradingPeriod,2026-08-17,2026-10-10,s1,2027\n"
        "q2,active,Quarter 2,gradingPeriod,2026-10-12,2026-12-19,s1,2027\n"
    )

    load(export(tmp_path, sessions, classes=f'c1,active,Algebra,k1,ALG-1,"{of_class}"\n'))

    assert [name for name, *_days in terms()] == [expected]


@pytest.mark.parametrize("parents", [",", "t1,t2", "gone,gone"])
def test_class_of_terms_without_a_common_one_gets_a_term_of_all_their_days(tmp_path, parents):
    first, second = parents.split(",")
    sessions = (
        f"t1,active,Fall,term,2026-08-17,2026-12-19,{first},2027\n"
        f"t2,active,Spring,term,2027-01-05,2027-05-29,{second},2027\n"
    )
    folder = export(tmp_path, sessions, classes='c1,active,Algebra,k1,ALG-1,"t1,t2"\n')

    report = load(folder)
    before = all_rows()
    again = load(folder)

    assert terms() == [("Fall, Spring", "", "2026-08-17", "2027-05-28")]
    assert (
        "classes.csv: classes of several terms that have no common parent: 1. Their term is named after all of them, "
        "from the first day to the last."
    ) in report.notes
    assert (all_rows(), again.lines) == (before, [])


@pytest.mark.parametrize("of_class", ["t1,t2", "t1", "t0,t1"])
def test_parents_that_form_a_circle_are_one_problem_however_many_classes(tmp_path, of_class):
    sessions = (
        "t0,active,Week,term,2026-08-17,2026-08-23,t1,\n"
        "t1,active,Fall,term,2026-08-17,2026-12-19,t2,\n"
        "t2,active,Spring,term,2027-01-05,2027-05-29,t1,\n"
    )
    classes = f'c1,active,Algebra,k1,ALG-1,"{of_class}"\nc2,active,Geometry,k1,ALG-2,"t2,t1"\n'

    assert problems(export(tmp_path, sessions, classes)) == [
        ("academicSessions.csv", 4, "parentSourcedId", "The parents form a circle: t1, t2, t1.")
    ]


def test_session_that_is_its_own_parent_is_the_highest(tmp_path):
    sessions = (
        "y,active,Year,schoolYear,2026-08-17,2027-05-29,y,\n"
        "t1,active,Fall,term,2026-08-17,2026-12-19,y,\n"
        "t2,active,Spring,term,2027-01-05,2027-05-29,y,\n"
    )

    load(export(tmp_path, sessions, classes='c1,active,Algebra,k1,ALG-1,"t1,t2"\n'))

    assert [name for name, *_days in terms()] == ["Year"]


@pytest.mark.parametrize("others", ["", FALL_2027])
def test_class_of_a_deleted_session_has_a_note_and_leaves_its_term(tmp_path, others):
    deleted = FALL_2026.replace("active", "tobedeleted") + others
    note = (
        "classes.csv: classes of sessions that are deleted or inactive in academicSessions.csv: 1. Such a term stays as it "
        "is; a new one is named by its id and has no days."
    )

    report = load(export(tmp_path, deleted))
    assert terms() == [("t1", "t1", "", "")]
    assert note in report.notes
    assert note not in load(export(tmp_path)).notes
    report = load(export(tmp_path, deleted))

    assert terms() == [("Fall", "t1", "2026-08-17", "2026-12-18")]
    assert (note in report.notes, report.lines) == (True, [])


def test_term_of_several_without_a_common_one_has_only_days_that_all_have(tmp_path):
    sessions = "t1,active,Fall,term,2026-08-17,,,\nt2,active,Spring,term,2027-01-05,2027-05-29,,\n"

    load(export(tmp_path, sessions, classes='c1,active,Algebra,k1,ALG-1,"t1,t2"\n'))

    assert terms() == [("Fall, Spring", "", "2026-08-17", "")]


ENDS_BEFORE = "The session ends before it begins: endDate is the day after its last day."


@pytest.mark.parametrize(
    ("days", "column", "reason"),
    [
        ("2026-12-19,2026-08-17", "endDate", ENDS_BEFORE),
        ("2026-12-19,2026-12-19", "endDate", ENDS_BEFORE),
        ("2026-08-17,soon", "endDate", "“soon” is not a date. Write it as 2026-09-01."),
        ("17.8.2026,2026-12-19", "startDate", "“17.8.2026” is not a date. Write it as 2026-09-01."),
        ("0001-01-01,2026-12-19", "startDate", "Check the year."),
        (",0001-01-01", "endDate", "Check the year."),
    ],
)
def test_bad_days_are_one_problem_with_their_line_however_many_classes(tmp_path, days, column, reason):
    sessions = f"t0,active,Spring,term,2026-01-05,2026-05-29,,\nt1,active,Fall,term,{days},,\n"
    classes = "c1,active,Algebra,k1,ALG-1,t1\nc2,active,Geometry,k1,ALG-2,t1\n"

    assert problems(export(tmp_path, sessions, classes)) == [("academicSessions.csv", 3, column, reason)]


def test_bad_days_of_a_session_that_no_class_has_are_not_looked_at(tmp_path):
    load(export(tmp_path, FALL_2026 + "t0,active,Old,term,soon,2026-05-29,,\n"))

    assert [name for name, *_days in terms()] == ["Fall"]


def test_session_of_one_day_ends_on_the_next(tmp_path):
    load(export(tmp_path, "t1,active,Exams,term,2026-12-19,2026-12-20,,\n"))

    assert terms() == [("Exams", "t1", "2026-12-19", "2026-12-19")]


def test_id_that_is_too_long_is_a_problem(tmp_path):
    key = "t" * 201
    folder = export(tmp_path, f"{key},active,Fall,term,,,,\n", classes=f"c1,active,Algebra,k1,ALG-1,{key}\n")

    assert problems(folder) == [("academicSessions.csv", 2, "sourcedId", "The limit is 200 characters.")]


# --- Which term it is -------------------------------------------------------------------------------------


def test_importing_again_changes_nothing(tmp_path):
    load(export(tmp_path))
    before = all_rows()

    report = load(export(tmp_path))

    assert (all_rows(), report.lines) == (before, [])
    assert report.counts[Kind.TERM, Action.UNCHANGED] == 1


def test_term_with_the_id_gets_the_name_and_days_of_the_file(tmp_path):
    load(export(tmp_path))

    report = load(export(tmp_path, "t1,active,Autumn,term,2026-08-24,2027-01-16,,2027\n"))

    assert terms() == [("Autumn", "t1", "2026-08-24", "2027-01-15")]
    assert of_terms(report) == [
        "term changed: Fall (name: Fall → Autumn; first day: 2026-08-17 → 2026-08-24; last day: 2026-12-18 → 2027-01-15)"
    ]


def test_file_without_days_leaves_those_of_the_term(tmp_path):
    load(export(tmp_path))

    report = load(write_export(tmp_path, academicSessions="sourcedId,title\nt1,Fall\n"))

    assert terms() == [("Fall", "t1", "2026-08-17", "2026-12-18")]
    assert of_terms(report) == []


def test_file_without_academic_sessions_finds_the_term_by_its_id_and_keeps_its_name(tmp_path):
    load(export(tmp_path))
    folder = export(tmp_path)
    (folder / "academicSessions.csv").unlink()

    report = load(folder)

    assert terms() == [("Fall", "t1", "2026-08-17", "2026-12-18")]
    assert report.lines == []


def test_term_known_only_by_its_id_gets_its_title_later(tmp_path):
    folder = export(tmp_path)
    (folder / "academicSessions.csv").unlink()
    load(folder)
    assert terms() == [("t1", "t1", "", "")]

    load(export(tmp_path))

    assert terms() == [("Fall", "t1", "2026-08-17", "2026-12-18")]


def test_same_name_in_the_next_year_is_another_term(tmp_path):
    load(export(tmp_path))

    report = load(export(tmp_path, FALL_2027, classes="c9,active,Algebra,k1,ALG-1,t9\n"))

    assert terms() == [
        ("Fall", "t1", "2026-08-17", "2026-12-18"),
        ("Fall", "t9", "2027-08-16", "2027-12-17"),
    ]
    assert sections() == [("c1", "Algebra", "2026-08-17"), ("c9", "Algebra", "2027-08-16")]
    assert of_terms(report) == ["term created: Fall (2027-08-16 – 2027-12-17)"]


def test_section_of_a_new_years_file_with_its_old_id_moves_and_the_report_says_which_term(tmp_path):
    load(export(tmp_path))

    report = load(export(tmp_path, FALL_2027, classes="c1,active,Algebra,k1,ALG-1,t9\n"))

    assert sections() == [("c1", "Algebra", "2027-08-16")]
    assert [line.details for line in report.lines if line.kind is Kind.SECTION] == [
        "term: Fall (2026-08-17 – 2026-12-18) → Fall (2027-08-16 – 2027-12-17)"
    ]


def test_both_years_in_one_file_are_two_terms(tmp_path):
    classes = "c1,active,Algebra,k1,ALG-1,t1\nc9,active,Algebra,k1,ALG-1,t9\n"
    load(export(tmp_path, FALL_2026 + FALL_2027, classes))
    before = all_rows()

    again = load(export(tmp_path, FALL_2026 + FALL_2027, classes))

    assert len(terms()) == 2
    assert sections() == [("c1", "Algebra", "2026-08-17"), ("c9", "Algebra", "2027-08-16")]
    assert (all_rows(), again.lines) == (before, [])


@pytest.mark.parametrize(
    ("first_day", "last_day", "is_it"),
    [
        (DATE(2026, 9, 1), DATE(2027, 1, 31), True),
        (DATE(2026, 8, 1), DATE(2026, 8, 17), True),
        (DATE(2026, 8, 1), DATE(2026, 8, 16), False),
        (DATE(2026, 12, 18), DATE(2027, 2, 1), True),
        (DATE(2026, 12, 19), DATE(2027, 2, 1), False),
        (DATE(2025, 8, 17), DATE(2025, 12, 18), False),
    ],
)
def test_term_made_by_hand_is_the_one_whose_days_overlap(tmp_path, first_day, last_day, is_it):
    section = make_section(
        course=make_course(code="MATH1"),
        name="Algebra",
        term=make_term(name="Fall", first_day=first_day, last_day=last_day),
    )
    held_class(section)

    load(export(tmp_path))

    dated = ("Fall", "t1", "2026-08-17", "2026-12-18")
    if is_it:
        assert terms() == [dated]
        assert sections() == [("c1", "Algebra", "2026-08-17")]
    else:
        assert terms() == [("Fall", "", str(first_day), str(last_day)), dated]
        assert sections() == [("", "Algebra", str(first_day)), ("c1", "Algebra", "2026-08-17")]


def test_overlapping_term_of_another_id_is_another_term(tmp_path):
    load(export(tmp_path))
    folder = export(
        tmp_path, "t2,active,Fall,term,2026-09-01,2026-12-19,,\n", classes="c2,active,Geometry,k1,,t2\n"
    )

    load(folder)

    assert [(key, first) for _name, key, first, _last in terms()] == [
        ("t1", "2026-08-17"),
        ("t2", "2026-09-01"),
    ]


def test_two_ids_of_one_name_and_the_same_days_are_one_term(tmp_path):
    """Each school of a district has its own ids."""
    sessions = FALL_2026 + FALL_2026.replace("t1", "t2")
    classes = "c1,active,Algebra,k1,ALG-1,t1\nc2,active,Algebra,k1,ALG-2,t2\n"
    load(export(tmp_path, sessions, classes))
    before = all_rows()

    again = load(export(tmp_path, sessions, classes))

    assert terms() == [("Fall", "t1", "2026-08-17", "2026-12-18")]
    assert sections() == [("c1", "Algebra (ALG-1)", "2026-08-17"), ("c2", "Algebra (ALG-2)", "2026-08-17")]
    assert (all_rows(), again.lines) == (before, [])


EQUAL_TERMS = (
    "Another term is called “Fall” and has the same days. In the admin, move the sections of one of the two to the other and "
    "delete the empty one. Then import the file again."
)


def test_days_that_another_term_of_the_name_has_are_a_problem(tmp_path):
    load(export(tmp_path, FALL_2026))
    make_term(name="Fall", first_day=DATE(2027, 8, 16), last_day=DATE(2027, 12, 17))

    assert problems(export(tmp_path, FALL_2027.replace("t9", "t1"))) == [
        ("academicSessions.csv", 2, "title", EQUAL_TERMS)
    ]


TWO_SCHOOLS = FALL_2026 + FALL_2026.replace("t1", "t2")
TWO_CLASSES = "c1,active,Algebra,k1,ALG-1,t1\nc2,active,Geometry,k1,GEO-1,t2\n"


def test_section_whose_shared_term_gets_other_days_moves_to_a_term_with_its_own(tmp_path):
    load(export(tmp_path, TWO_SCHOOLS, TWO_CLASSES))
    make_pattern(section=Section.objects.get(external_id="c2"))
    changed = export(tmp_path, TWO_SCHOOLS.replace("2026-12-19", "2026-12-24", 1), TWO_CLASSES)

    report = load(changed)
    before = all_rows()
    again = load(changed)

    assert terms() == [
        ("Fall", "t1", "2026-08-17", "2026-12-23"),
        ("Fall", "t2", "2026-08-17", "2026-12-18"),
    ]
    moved = Section.objects.get(external_id="c2")
    assert str(moved.term.last_day) == "2026-12-18"
    assert planned_days(moved)[-1] == "2026-12-14"
    assert [str(line) for line in report.lines if line.kind is Kind.SECTION] == [
        "section changed: MATH1 · Geometry · Fall "
        "(term: Fall (2026-08-17 – 2026-12-23) → Fall (2026-08-17 – 2026-12-18))"
    ]
    assert (all_rows(), again.lines) == (before, [])


def test_two_terms_that_get_the_same_days_are_a_problem_until_one_is_deleted(tmp_path):
    load(export(tmp_path, TWO_SCHOOLS.replace("2026-12-19", "2026-12-24", 1), TWO_CLASSES))
    equal = export(tmp_path, TWO_SCHOOLS, TWO_CLASSES)

    assert problems(equal) == [("academicSessions.csv", 2, "title", EQUAL_TERMS)]

    Section.objects.update(term=Term.objects.get(external_id="t2"))
    Term.objects.get(external_id="t1").delete()
    load(equal)

    assert terms() == [("Fall", "t2", "2026-08-17", "2026-12-18")]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_term_may_get_the_days_that_another_one_gives_up(tmp_path, order):
    load(export(tmp_path, FALL_2026 + FALL_2027, TWO_CLASSES.replace("t2", "t9")))
    swapped = [FALL_2026.replace("t1", "t9"), FALL_2027.replace("t9", "t1")]
    folder = export(tmp_path, "".join(swapped[n] for n in order), TWO_CLASSES.replace("t2", "t9"))

    load(folder)
    before = all_rows()
    again = load(folder)

    assert terms() == [
        ("Fall", "t1", "2027-08-16", "2027-12-17"),
        ("Fall", "t9", "2026-08-17", "2026-12-18"),
    ]
    assert (all_rows(), again.lines) == (before, [])


def test_all_terms_of_a_name_may_move_on_by_a_year(tmp_path):
    load(export(tmp_path, FALL_2026 + FALL_2027, TWO_CLASSES.replace("t2", "t9")))
    later = FALL_2027.replace("t9", "t1") + "t9,active,Fall,term,2028-08-14,2028-12-16,,2029\n"

    load(export(tmp_path, later, TWO_CLASSES.replace("t2", "t9")))

    assert terms() == [
        ("Fall", "t1", "2027-08-16", "2027-12-17"),
        ("Fall", "t9", "2028-08-14", "2028-12-15"),
    ]


# --- Terms from before the upgrade, without days ----------------------------------------------------------


@pytest.fixture
def migrated():
    """A term without days, with a section that an earlier file named and that has had a class."""
    section = make_section(
        course=make_course(code="MATH1"), name="Algebra", term=make_term(name="Fall"), external_id="c1"
    )
    held_class(section)
    return section


def test_new_years_file_never_dates_a_term_that_has_classes(migrated, tmp_path):
    load(export(tmp_path, FALL_2027, classes="c9,active,Algebra,k1,ALG-1,t9\n"))

    assert terms() == [("Fall", "", "", ""), ("Fall", "t9", "2027-08-16", "2027-12-17")]
    assert sections() == [("c1", "Algebra", ""), ("c9", "Algebra", "2027-08-16")]


def test_file_that_names_all_sections_with_classes_dates_their_term(migrated, tmp_path):
    make_section(course=migrated.course, name="Not used", term=migrated.term)

    report = load(export(tmp_path))

    assert terms() == [("Fall", "t1", "2026-08-17", "2026-12-18")]
    assert of_terms(report) == [
        "term changed: Fall (first day: nothing → 2026-08-17; last day: nothing → 2026-12-18; external id: nothing → t1)"
    ]
    assert [line for line in report.lines if line.kind is Kind.SECTION] == []


@pytest.mark.parametrize("external_id", ["c0", ""])
def test_term_that_also_has_sections_of_another_year_stays_and_the_others_move(
    migrated, tmp_path, external_id
):
    old = make_section(course=migrated.course, name="Old", term=migrated.term, external_id=external_id)
    held_class(old)

    load(export(tmp_path))

    assert terms() == [("Fall", "", "", ""), ("Fall", "t1", "2026-08-17", "2026-12-18")]
    assert sections() == [("c1", "Algebra", "2026-08-17"), (external_id, "Old", "")]
    assert Meeting.objects.filter(section=migrated).count() == 1


def test_section_named_for_another_term_is_no_reason_to_date_its_old_one(migrated, tmp_path):
    sessions = FALL_2026 + "t2,active,Spring,term,2027-01-05,2027-05-29,,\n"
    classes = "c1,active,Algebra,k1,ALG-1,t2\nc2,active,Geometry,k1,ALG-2,t1\n"

    load(export(tmp_path, sessions, classes))

    assert sorted(terms()) == [
        ("Fall", "", "", ""),
        ("Fall", "t1", "2026-08-17", "2026-12-18"),
        ("Spring", "t2", "2027-01-05", "2027-05-28"),
    ]


@pytest.mark.parametrize("state", [None, MeetingState.DISCARDED])
def test_term_without_classes_gets_the_days_of_the_file(tmp_path, state):
    section = make_section(course=make_course(code="MATH1"), name="Algebra", term=make_term(name="Fall"))
    if state:
        Meeting.objects.filter(pk=held_class(section).pk).update(state=state, ended_at=None)

    load(export(tmp_path))

    assert terms() == [("Fall", "t1", "2026-08-17", "2026-12-18")]
    assert sections() == [("c1", "Algebra", "2026-08-17")]


def test_term_with_only_a_first_day_is_treated_as_one_without_days(tmp_path):
    term = make_term(name="Fall", first_day=DATE(2025, 8, 18))
    held_class(make_section(course=make_course(code="MATH1"), name="Algebra", term=term))

    load(export(tmp_path))

    assert terms() == [("Fall", "", "2025-08-18", ""), ("Fall", "t1", "2026-08-17", "2026-12-18")]


def test_past_school_year_gets_its_days_and_is_past(tmp_path):
    section = make_section(
        course=make_course(code="ALG1"), name="Algebra P1", term=make_term(name="2025-2026"), external_id="p1"
    )
    held_class(section)

    load(SAMPLES / "oneroster-past-term")

    assert terms() == [("2025-2026", "term0", "2025-08-17", "2026-05-27")]
    assert Term.objects.get().is_past(TODAY)


# --- Files that only name terms ---------------------------------------------------------------------------

NAMED = "course,section,term,student_id,name"


def test_name_means_the_term_that_is_not_past(tmp_path):
    last_year = make_term(name="Autumn", first_day=DATE(2025, 9, 1), last_day=DATE(2025, 12, 18))
    old = make_section(course=make_course(code="CS101"), name="A", term=last_year)
    roster = write(tmp_path, "CS101,A,Autumn,1001,Ann", header=NAMED)

    report = load(roster)
    before = all_rows()
    again = load(roster)

    assert terms() == [("Autumn", "", "2025-09-01", "2025-12-18"), ("Autumn", "", "", "")]
    assert not old.enrolments.exists()
    assert of_terms(report) == ["term created: Autumn"]
    assert (all_rows(), again.lines) == (before, [])


def test_name_means_a_dated_term_as_well_and_section_stays_in_it(tmp_path):
    load(export(tmp_path))
    make_term(name="Fall")
    before = terms()

    report = load(write(tmp_path, "MATH1,Algebra,Fall,1002,Bob", header=NAMED))

    assert terms() == before
    assert [str(line) for line in report.lines if line.kind in (Kind.TERM, Kind.SECTION)] == []


def test_section_with_an_id_stays_in_the_past_term_that_its_file_names(tmp_path):
    past = make_term(name="Fall", first_day=DATE(2025, 9, 1), last_day=DATE(2025, 12, 18))
    make_section(course=make_course(code="ALG1"), name="Algebra P1", term=past, external_id="x1")

    load(SAMPLES / "sds-v1")

    assert terms() == [("Fall", "", "2025-09-01", "2025-12-18")]
    assert sections() == [("x1", "Algebra P1", "2025-09-01")]


# --- What follows -----------------------------------------------------------------------------------------


THIS_MORNING = datetime.datetime.combine(TODAY, datetime.time(1), datetime.UTC)


def planned_days(section) -> list[str]:
    return [str(meeting.date) for meeting in section.meetings.order_by("starts_at")]


def test_other_days_plan_the_meetings_after_today_anew(tmp_path):
    load(export(tmp_path, "t1,active,Fall,term,2026-08-17,2026-10-20,,\n"))
    section = Section.objects.get()
    make_pattern(section=section)
    planning.replan([section.pk], at=THIS_MORNING)
    assert planned_days(section) == ["2026-10-05", "2026-10-12", "2026-10-19"]
    longer = export(tmp_path, "t1,active,Fall,term,2026-08-17,2026-10-27,,\n")

    dry_run = load(longer, dry_run=True)
    assert len(planned_days(section)) == 3
    report = load(longer)

    assert planned_days(section) == ["2026-10-05", "2026-10-12", "2026-10-19", "2026-10-26"]
    note = (
        "Planned meetings after today, because the days of their terms changed: 1 added, 0 changed, 0 removed"
    )
    assert note in report.notes
    assert note in dry_run.notes

    shorter = load(export(tmp_path, "t1,active,Fall,term,2026-10-12,2026-10-20,,\n"))

    # Today's class is not taken away.
    assert planned_days(section) == ["2026-10-05", "2026-10-12", "2026-10-19"]
    assert any("0 added, 0 changed, 1 removed" in note for note in shorter.notes)


def test_section_that_moves_is_planned_by_the_days_of_its_new_term(tmp_path):
    sessions = FALL_2026 + "t2,active,Short,term,2026-10-06,2026-10-20,,\n"
    load(export(tmp_path, sessions))
    section = Section.objects.get()
    make_pattern(section=section)

    load(export(tmp_path, sessions, classes="c1,active,Algebra,k1,ALG-1,t2\n"))

    assert planned_days(section) == ["2026-10-12", "2026-10-19"]


def test_weekly_classes_without_days_stay_as_they_are_with_a_note(tmp_path):
    sessions = FALL_2026 + "t2,active,Open,term,,,,\n"
    classes = "c1,active,Algebra,k1,ALG-1,{}\nc2,active,Geometry,k1,ALG-2,{}\n"
    load(export(tmp_path, sessions, classes.format("t1", "t1")))
    algebra, geometry = Section.objects.order_by("pk")
    make_pattern(section=algebra)
    planning.replan([algebra.pk], at=THIS_MORNING)
    before = planned_days(algebra)
    make_pattern(section=geometry, first_day=DATE(2026, 10, 12), last_day=DATE(2026, 10, 19))

    report = load(export(tmp_path, sessions, classes.format("t2", "t2")))

    assert planned_days(algebra) == before
    assert planned_days(geometry) == ["2026-10-12", "2026-10-19"]
    assert (
        "Sections whose weekly classes cannot be planned by the days of their term; their planned meetings stay as they "
        "are: MATH1 · Algebra · Open"
    ) in report.notes


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_make_each_term_once(tmp_path):
    first = export(tmp_path)
    other = write_layout(tmp_path / "other", **{path.stem: path.read_text() for path in first.iterdir()})

    reports = run_concurrently(lambda: load(first), lambda: load(other))

    assert terms() == [("Fall", "t1", "2026-08-17", "2026-12-18")]
    assert sorted(report.counts[Kind.TERM, Action.CREATED] for report in reports) == [0, 1]


@pytest.mark.parametrize("number", [1, 9])
def test_import_takes_the_same_queries_for_any_number_of_terms(tmp_path, number, django_assert_num_queries):
    numbers = range(1, number + 1)
    sessions = "".join(f"t{n},active,Term {n},term,2026-08-0{n},2026-12-19,,\n" for n in numbers)
    classes = "".join(f"c{n},active,Class {n},k1,,t{n}\n" for n in numbers)
    load(export(tmp_path, sessions, classes))

    with django_assert_num_queries(18):
        load(export(tmp_path, sessions.replace("2026-12-19", "2026-12-18"), classes))
