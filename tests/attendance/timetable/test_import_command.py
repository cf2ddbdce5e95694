"""``manage.py import_timetable``."""

import pytest
import time_machine
from django.core.management import CommandError, call_command

from attendance.models import Meeting
from tests.support.factories import make_course, make_section, make_term
from tests.support.timetable.calendars import MONDAYS, calendar, changed, sample
from tests.support.timetable.timetables import BEFORE

pytestmark = pytest.mark.django_db


@pytest.fixture
def section(settings):
    settings.TIME_ZONE = "Europe/Berlin"
    return make_section(course=make_course(code="CS101"), name="A", term=make_term())


@pytest.fixture
def run(tmp_path, capsys):
    def run(content: bytes, *options: str) -> list[str]:
        path = tmp_path / "timetable"
        path.write_bytes(content)
        with time_machine.travel(BEFORE, tick=False):
            call_command("import_timetable", str(path), *options)
        return capsys.readouterr().out.splitlines()

    return run


def test_command_prints_what_it_did(run, section):
    lines = run(calendar(changed(MONDAYS, LOCATION="LOCATION:H1")))
    assert lines[0] == f"add: {section}: 2026-10-05 10:00 (CS101-A Lecture, H1)"
    assert lines[-1] == "Classes: 4 added, 0 changed, 0 removed, 0 unchanged."
    assert run(calendar(changed(MONDAYS, LOCATION="LOCATION:H1"))) == [
        "Nothing to change: all 4 classes in the file are already planned."
    ]


def test_dry_run_writes_nothing(run, section):
    assert run(calendar(MONDAYS), "--dry-run")[-1] == "Dry run: nothing was changed."
    assert not Meeting.objects.exists()


def test_events_of_nobody_are_named_and_the_others_imported(run, section):
    lines = run(sample("campus.ics"))
    assert "problem: “Staff meeting”: No section has this name." in lines
    assert section.meetings.count() == 6


def test_nothing_imported_is_an_error(run, section):
    with pytest.raises(CommandError, match="Nothing was imported"):
        run(calendar(changed(MONDAYS, SUMMARY="SUMMARY:Lunch")))


def test_options_settle_zone_section_and_names(run, section, tmp_path):
    event = changed(
        MONDAYS,
        SUMMARY="SUMMARY:Programming",
        DTSTART="DTSTART;TZID=Campus Time:20261005T100000",
        DTEND="DTEND;TZID=Campus Time:20261005T110000",
    )
    names = tmp_path / "map.csv"
    names.write_text(f"summary,section\nProgramming,{section.pk}\n")

    run(calendar(event), "--map", str(names), "--zone", "Europe/London", "--from", "2026-10-12")
    assert section.meetings.count() == 3

    run(calendar(event), "--section", str(section.pk), "--zone", "Europe/London")
    assert section.meetings.count() == 4


@pytest.mark.parametrize(
    "options",
    [["--section", "0"], ["--zone", "Nowhere"], ["--from", "soon"], ["--map", "/nowhere"], ["--periods", "/nowhere"]],
)  # fmt: skip
def test_wrong_option_is_an_error(run, section, options):
    with pytest.raises(CommandError):
        run(calendar(MONDAYS), *options)
    assert not Meeting.objects.exists()
