"""The page of a section's register: the whole table, its filters, what is missing, and students who moved."""

import datetime
import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from attendance.models import (
    AttendanceRecord,
    ExcuseReason,
    LabelColour,
    Meeting,
    MeetingState,
    Status,
    StatusLabel,
)
from qrsessions.models import SessionStatus
from qrsessions.views.registers import register
from tests.support import factories
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db

TODAY = timezone.localdate()
DAY = datetime.timedelta(days=1)
LETTERS = {"P": Status.PRESENT, "L": Status.LATE, "E": Status.EXCUSED, "A": Status.ABSENT, "-": None}


def moment(days_ago, hour=10):
    return timezone.make_aware(datetime.datetime.combine(TODAY - days_ago * DAY, datetime.time(hour)))


def held(section, days_ago, letters, **fields):
    """A held meeting with a letter for each student of the section, by roll number; "." for not on the roster."""
    at = moment(days_ago)
    meeting = factories.make_meeting(section=section, starts_at=at, ended_at=at, **fields)
    for student, letter in zip(factories.students_of(section), letters, strict=True):
        if letter != ".":
            roll_number = section.enrolments.get(student=student).roll_number
            factories.make_record(
                meeting=meeting, student=student, status=LETTERS[letter], roll_number=roll_number
            )
    return meeting


@pytest.fixture
def teacher():
    return factories.make_teacher()


@pytest.fixture
def section(teacher):
    """Two students over three held classes, a cancelled one, and one to come."""
    section = factories.make_section(students=2, teachers=[teacher], minimum_percentage=75)
    held(section, 20, "PA")
    held(section, 14, "LA")
    cancelled = held(section, 13, "PP")
    Meeting.objects.filter(pk=cancelled.pk).update(state=MeetingState.CANCELLED, cancel_reason="strike")
    held(section, 7, "E-")
    factories.make_planned(section=section, starts_at=moment(-1))
    return section


@pytest.fixture
def tab(teacher):
    tab = Client()
    tab.force_login(teacher)
    return tab


def get(tab, section, query="", page="register"):
    return tab.get(reverse(f"qrsessions:{page}", args=[section.pk]) + query)


def cells(response):
    """Each row of the table: roll number, where the student stands, and the letter of each cell."""
    found = {}
    for row in re.findall(r"<tr data-student.*?</tr>", response.content.decode(), flags=re.DOTALL):
        (roll,) = re.findall(r'class="roll">(.*?)<', row)
        (share,) = re.findall(r'<td class="share">(.*?)</td>', row, flags=re.DOTALL)
        shown = re.findall(r'<td class="(.*?)">(?:<a .*?>(.*?)</a>)?', row)[1:]
        letters = "".join("." if css == "out" else letter for css, letter in shown)
        found[roll] = " ".join(re.sub("<.*?>", " ", share).split()), letters
    return found


def test_register_has_a_row_for_each_student_and_a_column_for_each_class(tab, section):
    late_comer = factories.make_student(name="Zoë")
    factories.make_enrolment(section=section, student=late_comer, roll_number="3", from_date=TODAY - 5 * DAY)

    page = get(tab, section)

    assert cells(page) == {
        "01": ("100% 2 of 2", "PLPE·"),
        "02": ("0% 0 of 2 below 75%", "AAP–·"),
        "3": ("– nothing counts yet", "....·"),
    }
    html = page.content.decode()
    assert len(re.findall(r'<th scope="col" class="meeting', html)) == 5
    assert html.count('<th scope="row">') == 3
    assert "Required: 75%." in text_of(page)


def test_rows_are_in_natural_order_of_the_roll_numbers(tab, teacher):
    section = factories.make_section(teachers=[teacher])
    for roll in ("10", "9", "A2", "A10"):
        factories.make_enrolment(section=section, roll_number=roll)
    factories.make_planned(section=section, starts_at=moment(-1))

    assert list(cells(get(tab, section))) == ["9", "10", "A2", "A10"]


def test_cell_shows_the_institutions_own_label_and_the_reason(tab, section):
    online = StatusLabel.objects.create(
        name="online", letter="O", colour=LabelColour.BLUE, meaning=Status.PRESENT
    )
    medical = ExcuseReason.objects.create(code="medical", name="Medical")
    first = AttendanceRecord.objects.filter(status=Status.PRESENT).order_by("meeting__starts_at").first()
    AttendanceRecord.objects.filter(pk=first.pk).update(label=online)
    AttendanceRecord.objects.filter(status=Status.EXCUSED).update(excused_reason=medical)

    page = get(tab, section)

    assert cells(page)["01"][1] == "OLPE·"
    html = page.content.decode()
    assert re.search(r'<td class="present label-blue"><a [^>]*aria-label="online">O</a>', html)
    assert 'aria-label="excused: Medical">E</a>' in html
    assert "O: online" in re.sub(" +", " ", text_of(page))


def test_cell_leads_to_the_page_where_its_mark_is_changed(tab, section):
    html = get(tab, section).content.decode()
    student = factories.students_of(section)[1]
    kept = {meeting.state: meeting.public_id for meeting in Meeting.objects.order_by("starts_at")}

    assert f'href="/teach/sessions/{kept["held"]}/mark/?student={student.student_id}"' in html
    assert f'href="/teach/meetings/{kept["planned"]}/"' in html
    assert f"/teach/sessions/{kept['cancelled']}/mark/" not in html


@pytest.mark.parametrize(
    ("query", "rolls"),
    [
        ("", ["01", "02"]),
        ("?below=50", ["02"]),
        ("?above=99", ["01"]),
        ("?above=100", []),
        ("?status=late", ["01"]),
        ("?status=none", ["02"]),
        ("?status=absent&below=10", ["02"]),
        (f"?to={TODAY - 14 * DAY}&status=excused", []),
    ],
)
def test_filter_shows_the_students_that_match(tab, section, query, rolls):
    page = get(tab, section, query)

    assert list(cells(page)) == rolls
    assert ("No student matches" in text_of(page)) == (not rolls)


def test_only_students_who_are_enrolled_now_are_shown_on_request(tab, section):
    section.enrolments.filter(roll_number="01").update(to_date=TODAY)

    assert list(cells(get(tab, section))) == ["01", "02"]
    assert list(cells(get(tab, section, "?enrolled=on"))) == ["02"]


def test_dates_limit_the_columns_and_the_percentage(tab, section):
    page = get(tab, section, f"?from={TODAY - 14 * DAY}&to={TODAY - 7 * DAY}")

    assert cells(page)["01"] == ("100% 1 of 1", "LPE")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?from=tomorrow", "Enter a valid date."),
        ("?from=2026-09-08&to=2026-09-07", "The last day cannot be before the first."),
        ("?below=many", "Enter a number."),
        ("?status=asleep", "Select a valid choice."),
    ],
)
def test_wrong_filter_is_explained_beside_the_field(tab, section, query, words):
    for page in ("register", "register-print"):
        answer = get(tab, section, query, page=page)
        assert answer.status_code == 400
        assert words in text_of(answer)
        assert cells(answer) == {}


def test_gaps_name_the_classes_without_statuses_and_those_not_taken(tab, section):
    held(section, 6, "--")
    factories.make_planned(section=section, starts_at=moment(3))

    words = text_of(get(tab, section))

    assert "3 classes are not complete" in words
    gaps = words[words.index("3 classes are not complete") :]
    assert re.findall(r"10:00 (1 student without a status|register not taken)", gaps) == [
        "1 student without a status",
        "register not taken",
        "register not taken",
    ]


def test_empty_register_says_how_it_fills(tab, teacher):
    words = text_of(get(tab, factories.make_section(teachers=[teacher])))

    assert "No classes yet" in words


def test_student_who_moved_within_the_course_has_both_parts_and_their_sum(tab, section, teacher):
    mover = factories.make_student(name="Mover")
    before = factories.make_section(course=section.course, name="Before", teachers=[factories.make_teacher()])
    factories.make_enrolment(section=before, student=mover, roll_number="5", to_date=TODAY - 15 * DAY)
    factories.make_enrolment(section=section, student=mover, roll_number="5", from_date=TODAY - 15 * DAY)
    held(before, 21, "P")
    held(before, 20, "A")
    cancelled = held(before, 19, "A")
    Meeting.objects.filter(pk=cancelled.pk).update(state=MeetingState.CANCELLED)
    meeting = section.meetings.get(date=TODAY - 14 * DAY)
    factories.make_record(meeting=meeting, student=mover, status=Status.PRESENT, roll_number="5")
    # In another course, or another term, it is not a move.
    elsewhere = factories.make_section(teachers=[teacher], students=[mover])
    held(elsewhere, 20, "A")
    earlier = factories.make_section(course=section.course, term="Spring 2026", students=[mover])
    held(earlier, 20, "A")

    page = get(tab, section)

    assert cells(page)["5"] == ("100% 1 of 1", ".P..·")
    assert "in section Before: 1 of 2; together 2 of 3" in text_of(page)
    assert text_of(page).count("together") == 1


def test_locked_and_cancelled_columns_cannot_be_edited(tab, section, settings):
    settings.REGISTER_LOCK_DAYS = 10

    html = get(tab, section).content.decode()

    heads = re.findall(r'<th scope="col" class="meeting[^>]*>', html)
    assert [re.findall(r'data-(?:edit(?:="session")?|why="\w+")', head)[0] for head in heads] == [
        'data-why="locked"',
        'data-why="locked"',
        'data-why="cancelled"',
        "data-edit",
        "data-edit",
    ]
    # The links of a locked class lead to its page, which says why.
    assert html.count("/mark/?student=") == 2


def test_row_alone_is_the_same_as_in_the_whole_register(tab, section):
    student = factories.students_of(section)[0]
    whole = get(tab, section, f"?from={TODAY - 14 * DAY}")
    address = reverse("qrsessions:register-row", args=[section.pk, student.student_id])

    row = tab.get(f"{address}?from={TODAY - 14 * DAY}")

    assert cells(row) == {"01": cells(whole)["01"]}
    assert tab.get(f"{address}?from=never").status_code == 400
    stranger = factories.make_student()
    assert (
        tab.get(reverse("qrsessions:register-row", args=[section.pk, stranger.student_id])).status_code == 404
    )


def test_large_register_has_pages_of_students(tab, section, monkeypatch):
    # Five students at five classes: two on a page.
    monkeypatch.setattr(register, "CELLS_PER_PAGE", 10)
    monkeypatch.setattr(register, "MIN_PER_PAGE", 1)
    for number in range(3, 6):
        factories.make_enrolment(section=section, roll_number=f"0{number}")
    whole = {"01": "100% 2 of 2", "02": "0% 0 of 2 below 75%"}

    first, last = get(tab, section), get(tab, section, "?page=3&enrolled=on")

    assert {roll: share for roll, (share, _letters) in cells(first).items()} == whole
    assert "5 students · 5 classes" in text_of(first)
    assert "Students 1 to 2 of 5" in text_of(first)
    assert list(cells(last)) == ["05"]
    assert 'href="?page=2&amp;enrolled=on"' in last.content.decode()
    # No page, or one too high: the nearest that there is.
    assert list(cells(get(tab, section, "?page=x"))) == list(whole)
    assert list(cells(get(tab, section, "?page=99"))) == ["05"]
    # A filter counts all pages, and the print view prints the page that was shown.
    assert "1 of 5 students" in text_of(get(tab, section, "?below=50"))
    printed = text_of(get(tab, section, "?page=2", page="register-print"))
    assert "Students 3 to 4 of 5" in printed
    # A row alone is found on whatever page it is, and also if the filter no longer matches it.
    student = section.enrolments.get(roll_number="05").student
    address = reverse("qrsessions:register-row", args=[section.pk, student.student_id])
    assert list(cells(tab.get(f"{address}?above=99"))) == ["05"]


def test_links_to_explanations_and_reports_keep_the_days(tab, section):
    first = TODAY - 14 * DAY
    html = get(tab, section, f"?from={first}").content.decode()

    student = factories.students_of(section)[0].student_id
    for address in (f"/students/{student}/", "/register/files/", f"/teach/reports/sections/{section.pk}/"):
        assert re.search(rf'href="[^"]*{address}\?from={first}"', html), address


def test_print_view_has_as_many_tables_as_the_columns_need(tab, section):
    for days_ago in range(30, 55):
        held(section, days_ago, "PP")

    page = get(tab, section, page="register-print").content.decode()

    assert page.count('<table class="register">') == 2
    assert page.count('<th scope="row">') == 4
    assert [table.count('class="meeting') for table in page.split("</table>")[:2]] == [26, 4]


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("page", ["register", "register-print"])
def test_register_takes_the_same_queries_however_many_rows(
    tab, teacher, django_assert_num_queries, number, page
):
    section = factories.make_section(teachers=[teacher], students=number)
    sibling = factories.make_section(course=section.course, students=factories.students_of(section))
    for days_ago in range(1, number + 1):
        held(section, days_ago, "P" * number)
        held(sibling, days_ago, "P" * number)

    # Its label weights are read too. A test before may have emptied the tables.
    factories.make_rule()
    with django_assert_num_queries(21):
        get(tab, section, page=page)


def test_only_who_sees_every_class_may_read_the_register(section, teacher):
    pages = [reverse(f"qrsessions:{name}", args=[section.pk]) for name in ("register", "register-print")]
    pages.append(
        reverse("qrsessions:register-row", args=[section.pk, factories.students_of(section)[0].student_id])
    )
    substitute, foreign = factories.make_teacher(), factories.make_teacher()
    meeting = section.meetings.first()
    factories.make_assignment(section=section, user=substitute, role="substitute", meeting=meeting)
    student = factories.user_of(factories.students_of(section)[0])

    def answers(user):
        tab = Client()
        if user:
            tab.force_login(user)
        return {tab.get(page).status_code for page in pages}

    assert answers(teacher) == answers(factories.make_admin()) == {200}
    assert answers(foreign) == {404}
    assert answers(substitute) == answers(student) == {403}
    assert answers(None) == {302}


def test_section_lists_all_of_its_sessions_and_leads_to_the_register(tab, teacher):
    section = factories.make_section(teachers=[teacher])
    sessions = [
        factories.make_session(section=section, status=SessionStatus.ENDED, at=moment(days_ago))
        for days_ago in range(1, 46)
    ]
    running = factories.make_session(section=section, at=timezone.now())

    pages = [tab.get(reverse("qrsessions:section", args=[section.pk]), {"page": page}) for page in (1, 2, 3)]

    listed = [
        session
        for page in pages
        for session in re.findall(r'<li><a href="/teach/sessions/(\w+)/"', page.content.decode())
    ]
    assert listed == [running.public_id, *(session.public_id for session in sessions)]
    for page in pages:
        assert "Go to the open session" in text_of(page)
        assert f'href="/teach/sections/{section.pk}/register/"' in page.content.decode()
    assert "Sessions 21 to 40 of 46" in text_of(pages[1])


def test_section_does_not_offer_the_register_to_who_sees_only_some_classes(section):
    substitute = factories.make_teacher()
    factories.make_assignment(
        section=section, user=substitute, role="substitute", meeting=section.meetings.first()
    )
    tab = Client()
    tab.force_login(substitute)

    page = tab.get(reverse("qrsessions:section", args=[section.pk]))

    assert page.status_code == 200
    assert "/register/" not in page.content.decode()


def test_register_is_compressed_for_browsers(tab, section):
    page = tab.get(
        reverse("qrsessions:register", args=[section.pk]), headers={"Accept-Encoding": "gzip, deflate"}
    )

    assert page["Content-Encoding"] == "gzip"
