"""Teachers in rosters: when they teach, what was changed by hand, and rows that change."""

import datetime

import pytest

from attendance.models import Section, TeachingAssignment, User
from attendance.rosters.report import Action, Kind
from tests.support.factories import make_assignment, make_meeting, make_teacher, make_user
from tests.support.rosters import SAMPLES, TODAY, all_rows, load, problems, write, write_layout

pytestmark = pytest.mark.django_db

LEFT = SAMPLES / "oneroster-teacher-left-in-october"
WITH_TEACHER = "course,section,student_id,name,teacher"
ANN = "CS101,A,1001,Ann,kim@example.edu"


def export(tmp_path, *rows):
    """A class, its teacher u2 and these rows: status, role, first day, end."""
    lines = "".join(f"{status},c1,u2,{role},{begin},{end}\n" for status, role, begin, end in rows)
    return write_layout(
        tmp_path / "export",
        users="sourcedId,username,givenName,familyName\nu2,prof,Kim,Fein\n",
        classes="sourcedId,title\nc1,Algebra\n",
        enrollments="status,classSourcedId,userSourcedId,role,beginDate,endDate\n" + lines,
    )


def assignments():
    """(from, to, removed) of every assignment."""
    rows = TeachingAssignment.objects.order_by("from_date", "pk")
    return [(str(one.from_date or ""), str(one.to_date or ""), one.removed_by_hand) for one in rows]


def teaches(on):
    """Whether the only teacher may run the only section on the day."""
    return Section.objects.run_by(User.objects.get(is_teacher=True), on=on).exists()


def remove_by_hand():
    TeachingAssignment.objects.update(removed_by_hand=True)


def test_dates_of_teachers_are_read():
    last_day = datetime.date(2026, 10, 15)

    load(LEFT)

    assert assignments() == [("2026-08-17", "2026-10-16", False)]
    assert teaches(last_day)
    assert not teaches(last_day + datetime.timedelta(days=1))


def test_teacher_who_left_before_the_import_is_assigned_only_for_their_time():
    load(LEFT, on=datetime.date(2026, 11, 2))

    assert not teaches(datetime.date(2026, 11, 2))
    assert assignments() == [("2026-08-17", "2026-10-16", False)]


def test_two_terms_are_two_assignments_and_imported_again_nothing_changes():
    folder = SAMPLES / "oneroster-one-enrolment-per-term"
    load(folder)
    before = all_rows()
    again = load(folder, on=datetime.date(2027, 1, 10))

    assert all_rows() == before
    assert again.lines == []
    assert assignments() == [("2026-08-17", "2026-12-18", False), ("2027-01-05", "2027-05-28", False)]
    assert not teaches(datetime.date(2026, 12, 20))


def test_changed_row_changes_the_dates(tmp_path):
    load(export(tmp_path, ("", "teacher", "2026-08-17", "")))

    report = load(export(tmp_path, ("", "teacher", "2026-08-24", "2026-10-05")))

    assert assignments() == [("2026-08-24", "2026-10-05", False)]
    assert [(line.kind, line.action) for line in report.lines] == [(Kind.ASSIGNMENT, Action.ENDED)]
    assert not teaches(TODAY)


def test_two_assignments_can_swap_their_days(tmp_path):
    fall, spring = ("2026-08-17", "2026-12-18"), ("2027-01-05", "2027-05-28")
    load(export(tmp_path, ("", "teacher", *fall), ("", "substitute", *spring)))

    load(export(tmp_path, ("", "substitute", *fall), ("", "teacher", *spring)))

    assert assignments() == [(*fall, False), (*spring, False)]


def test_of_rows_that_begin_on_one_day_the_one_that_ends_last_counts(tmp_path):
    load(
        export(
            tmp_path,
            ("", "teacher", "2026-08-17", "2026-10-16"),
            ("", "instructor", "2026-08-17", ""),
            ("", "substitute", "2026-08-17", "2026-09-01"),
        )
    )

    assert assignments() == [("2026-08-17", "", False)]


def test_assignment_removed_by_hand_is_not_made_again_until_its_row_changes(tmp_path):
    load(export(tmp_path, ("", "teacher", "2026-08-17", "")))
    remove_by_hand()

    report = load(export(tmp_path, ("", "teacher", "2026-08-17", "")))
    assert not teaches(TODAY)
    assert assignments() == [("2026-08-17", "", True)]
    assert "Teachers removed from a section by hand, not assigned again: 1" in report.notes

    load(export(tmp_path, ("", "teacher", "2026-08-17", "2027-05-28")))
    assert teaches(TODAY)
    assert assignments() == [("2026-08-17", "2027-05-28", False)]


def test_teacher_of_the_sample_is_not_assigned_again_after_an_admin_removed_them():
    load(LEFT)
    remove_by_hand()

    load(LEFT)

    assert assignments() == [("2026-08-17", "2026-10-16", True)]


def test_teacher_in_a_plain_file_is_not_assigned_again_after_an_admin_removed_them(tmp_path):
    roster = write(tmp_path, ANN, header=WITH_TEACHER)
    load(roster)
    assert teaches(TODAY)
    remove_by_hand()

    load(roster)

    assert not teaches(TODAY)
    assert TeachingAssignment.objects.count() == 1


def test_teacher_whom_no_roster_had_named_yet_stays_removed(tmp_path):
    """As after the upgrade: the assignments there are do not say whether they were imported."""
    roster = write(tmp_path, ANN, header=WITH_TEACHER)
    load(roster)
    TeachingAssignment.objects.update(imported_row="", removed_by_hand=True)

    load(roster)
    load(roster)

    assert not teaches(TODAY)
    assert TeachingAssignment.objects.count() == 1


def test_assignment_without_dates_from_before_the_upgrade_takes_those_of_the_roster(tmp_path):
    load(export(tmp_path, ("", "teacher", "", "")))
    TeachingAssignment.objects.update(imported_row="")

    load(export(tmp_path, ("", "teacher", "2026-08-17", "2026-12-18")))

    assert assignments() == [("2026-08-17", "2026-12-18", False)]


@pytest.mark.parametrize("was_imported", [True, False])
def test_dates_set_by_hand_stay_while_the_row_does(tmp_path, was_imported):
    folder = export(tmp_path, ("", "teacher", "2026-08-17", ""))
    load(folder)
    TeachingAssignment.objects.update(to_date=TODAY)
    if not was_imported:
        TeachingAssignment.objects.update(imported_row="")

    load(folder)
    load(folder)

    assert assignments() == [("2026-08-17", str(TODAY), False)]


def test_plain_file_does_not_contradict_the_dates_of_another_format(tmp_path):
    load(write(tmp_path, ANN, header=WITH_TEACHER))
    row = TeachingAssignment.objects.get()
    row.to_date, row.imported_row = TODAY, "teacher,2026-08-17,2026-10-05"
    row.save()

    load(write(tmp_path, ANN, header=WITH_TEACHER))

    assert not teaches(TODAY)
    assert TeachingAssignment.objects.count() == 1


def test_assignment_of_another_time_made_by_hand_is_left_alone(tmp_path):
    load(export(tmp_path))
    teacher = make_teacher(username="prof")
    make_assignment(
        section=Section.objects.get(),
        user=teacher,
        from_date=datetime.date(2025, 8, 17),
        to_date=datetime.date(2026, 5, 28),
    )

    load(export(tmp_path, ("", "teacher", "2026-08-17", "")))

    assert assignments() == [("2025-08-17", "2026-05-28", False), ("2026-08-17", "", False)]


@pytest.mark.parametrize("status", ["inactive", "tobedeleted"])
def test_row_that_is_no_longer_active_ends_the_assignment_with_the_import(tmp_path, status):
    active = export(tmp_path, ("active", "teacher", "2026-08-17", ""))
    load(active)
    inactive = export(tmp_path, (status, "teacher", "2026-08-17", ""))

    load(inactive)
    again = load(inactive, on=TODAY + datetime.timedelta(days=7))

    assert assignments() == [("2026-08-17", str(TODAY), False)]
    assert again.lines == []
    load(export(tmp_path, ("active", "teacher", "2026-08-17", "")))
    assert teaches(TODAY)


def test_row_replaced_by_an_active_one_ends_nothing(tmp_path):
    load(export(tmp_path, ("active", "teacher", "2026-08-17", "")))

    load(
        export(
            tmp_path, ("tobedeleted", "teacher", "2026-08-17", ""), ("active", "teacher", "2026-08-17", "")
        )
    )

    assert assignments() == [("2026-08-17", "", False)]


def test_inactive_row_does_not_end_an_assignment_made_by_hand(tmp_path):
    load(export(tmp_path))
    make_assignment(section=Section.objects.get(), user=make_teacher(username="prof"))

    load(export(tmp_path, ("inactive", "teacher", "", "")))

    assert teaches(TODAY)


def test_row_of_a_teacher_that_ends_before_it_begins_is_a_problem(tmp_path):
    assert problems(export(tmp_path, ("", "teacher", "2026-08-17", "2026-08-01"))) == [
        ("enrollments.csv", 2, "endDate", "The row ends before it begins.")
    ]


# --- Assistants ---------------------------------------------------------------------------------------


def roles():
    found = TeachingAssignment.objects.in_force().order_by("pk")
    return [(one.user.username, one.role, str(one.from_date or ""), str(one.to_date or "")) for one in found]


@pytest.mark.parametrize("role", ["aide", "Assistant", "teacherAssistant"])
def test_aide_with_a_teachers_account_becomes_an_assistant(tmp_path, role):
    make_teacher(username="prof")

    report = load(export(tmp_path, ("active", role, "2026-08-17", "2026-10-16")))

    assert roles() == [("prof", "assistant", "2026-08-17", "2026-10-16")]
    assert "ignored" not in str(report.notes)
    before = all_rows()
    load(export(tmp_path, ("active", role, "2026-08-17", "2026-10-16")))
    assert all_rows() == before

    load(export(tmp_path, ("inactive", role, "", "")), on=datetime.date(2026, 9, 1))
    assert roles() == [("prof", "assistant", "2026-08-17", "2026-09-01")]


def test_aide_without_a_teachers_account_is_ignored_and_gets_none(tmp_path):
    make_user(username="prof")

    report = load(export(tmp_path, ("active", "aide", "", "")))

    assert roles() == []
    assert "Assistants without a teacher's account, ignored: 1" in report.notes
    assert not User.objects.filter(is_teacher=True).exists()


def test_user_whom_the_roster_has_as_teacher_and_aide_is_both(tmp_path):
    load(export(tmp_path, ("active", "aide", "", ""), ("active", "teacher", "", "")))

    assert sorted(role for _name, role, _from, _to in roles()) == ["assistant", "teacher"]


def test_import_leaves_substitutes_alone(tmp_path):
    prof = make_teacher(username="prof")
    load(export(tmp_path, ("active", "guardian", "", "")))
    section = Section.objects.get()
    days = {"from_date": datetime.date(2026, 8, 17), "to_date": datetime.date(2026, 10, 16)}
    make_assignment(section=section, user=prof, role="substitute", **days)
    make_assignment(section=section, user=prof, role="substitute", meeting=make_meeting(section=section))

    load(export(tmp_path, ("active", "teacher", "", "")))

    assert [role for _name, role, _from, _to in roles()] == ["substitute", "substitute", "teacher"]
