"""``manage.py import_registers``: registers that name their sections."""

import datetime
import io
import zipfile

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from attendance.models import AttendanceRecord, Course, Enrolment, Meeting, Section, Student, Term
from attendance.registers.term_register import term_register
from tests.support import factories
from tests.support.registers.files import everything_imported

pytestmark = pytest.mark.django_db

HEADER = "course,section,term,student_id,roll_number,name"
DAY = datetime.date(2026, 9, 7)


def write(folder, name, *lines):
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(*arguments):
    out = io.StringIO()
    call_command("import_registers", *map(str, arguments), stdout=out)
    return out.getvalue()


def letters(section):
    rows = term_register(section, today=timezone.localdate()).rows
    return {
        row.roll_number: "".join("." if cell is None else cell.letter or "-" for cell in row.cells)
        for row in rows
    }


def test_registers_of_several_sections_fill_an_empty_database(tmp_path):
    path = write(
        tmp_path,
        "both.csv",
        f"{HEADER},{DAY} 10:00,2026-09-08 10:00,2026-09-09 10:00 (cancelled)",
        "CS101,A,Autumn 2026,S1,01,Ann Lee,P,,",
        "CS101,A,Autumn 2026,S2,02,Bo Ek,A,,",
        "CS102,B,,S1,7,Ann Lee,,L,",
    )

    out = run(path)

    assert "section created: CS101 · A · Autumn 2026" in out
    assert "students added: 2" in out
    found = {str(section): letters(section) for section in Section.objects.all()}
    assert found == {"CS101 · A · Autumn 2026": {"01": "P", "02": "A"}, "CS102 · B": {"7": "L"}}
    assert list(Term.objects.values_list("name", "first_day")) == [("Autumn 2026", None)]
    assert list(Enrolment.objects.order_by("pk").values_list("roll_number", "from_date", "to_date")) == [
        ("01", DAY, None),
        ("02", DAY, None),
        ("7", DAY + datetime.timedelta(days=1), None),
    ]
    before = everything_imported()
    assert "marks added: 0" in run(path)
    assert everything_imported() == before


def test_section_of_a_past_term_is_found_by_its_days(tmp_path):
    course = factories.make_course(code="CS101")
    days = [datetime.date(2024, 9, 1), datetime.date(2025, 9, 1)]
    old, new = (
        factories.make_term(name="Autumn", first_day=day, last_day=day + datetime.timedelta(days=90))
        for day in days
    )
    section = factories.make_section(course=course, name="A", term=old)
    factories.make_section(course=course, name="A", term=new)

    run(write(tmp_path, "old.csv", f"{HEADER},2024-09-09", "CS101,A,Autumn,S1,01,Ann,P"))

    assert Meeting.objects.get().section == section
    assert (Section.objects.count(), Course.objects.count()) == (2, 1)


def test_files_of_a_zip_are_imported_together_or_not_at_all(tmp_path):
    path = tmp_path / "registers.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", f"{HEADER},{DAY}\nCS101,A,,S1,01,Ann,P\n")
        archive.writestr("b.csv", f"{HEADER},{DAY}\nCS101,B,,S2,01,Bo,gone\n")
        archive.writestr("notes.pdf", "no register")

    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("import_registers", str(path), stdout=out)
    assert "b.csv, line 2, column “2026-09-07”: Say what “gone” means." in out.getvalue()
    assert not Student.objects.exists()
    assert not Section.objects.exists()

    admin = factories.make_admin()
    run(path, "--word", "gone=absent", "--by", admin.username)
    assert list(AttendanceRecord.objects.order_by("pk").values_list("status", "marked_by")) == [
        ("present", admin.pk),
        ("absent", admin.pk),
    ]


def test_dry_run_changes_nothing(tmp_path):
    out = run(write(tmp_path, "old.csv", f"{HEADER},{DAY}", "CS101,A,Autumn,S1,01,Ann,P"), "--dry-run")

    assert "section created: CS101 · A · Autumn" in out
    assert "Dry run: nothing was changed." in out
    assert not Section.objects.exists()
    assert not Term.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--section", "99"], "There is no section 99."),
        (["--by", "nobody"], "There is no user nobody."),
        (["--word", "gone"], "gone gives no meaning."),
        (["--word", "gone=asleep"], "“gone” cannot mean “asleep”"),
    ],
)
def test_wrong_argument_is_refused(tmp_path, arguments, words):
    path = write(tmp_path, "old.csv", f"{HEADER},{DAY}", "CS101,A,,S1,01,Ann,P")

    with pytest.raises(CommandError, match=words):
        run(path, *arguments)


def test_file_that_names_no_section_is_refused(tmp_path):
    out = io.StringIO()
    path = write(tmp_path, "old.csv", f"student_id,{DAY}", "S1,P")
    with pytest.raises(CommandError):
        call_command("import_registers", str(path), stdout=out)

    assert "The file must name the course and the section of each row." in out.getvalue()
