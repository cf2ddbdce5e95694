"""``python -m bench.studies.import_memory``: the memory and time of importing a whole school. See docs/scaling.md."""

import argparse
import csv
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from bench.site.empty_site import empty_site

STUDENTS, SECTIONS = 50_000, 2_000
SECTIONS_OF_A_TEACHER = 4


def main() -> None:
    """Print one line for each import: of a plain CSV and of OneRoster, and of the same again."""
    parser = argparse.ArgumentParser(prog="python -m bench.studies.import_memory", description=__doc__)
    parser.add_argument("--students", type=int, default=STUDENTS, help=f"students ({STUDENTS:,})")
    parser.add_argument("--sections", type=int, default=SECTIONS, help=f"sections ({SECTIONS:,})")
    wanted = parser.parse_args()
    with empty_site() as folder:
        rosters = {
            "plain CSV": _plain(folder / "roster.csv", wanted.students, wanted.sections),
            "OneRoster": _oneroster(folder / "oneroster", wanted.students, wanted.sections),
        }
        sys.stdout.write(f"{'':<28}{'peak RSS, MB':>14}{'s':>8}\n")
        for kind, roster in rosters.items():
            for which in ("first", "again"):
                megabytes, seconds = _import(roster)
                sys.stdout.write(f"{f'{kind}, {which}':<28}{megabytes:>14.0f}{seconds:>8.1f}\n")
                sys.stdout.flush()


def _import(roster: Path) -> tuple[float, float]:
    """Import in a process of its own. Returns its peak memory and its time."""
    began = time.monotonic()
    command = [sys.executable, "manage.py", "import_roster", str(roster), "--verbosity", "0"]
    process = os.posix_spawn(sys.executable, command, os.environ)
    _pid, status, usage = os.wait4(process, 0)
    if status:
        sys.exit(f"The import of {roster.name} failed.")
    # Linux counts in kilobytes, macOS in bytes.
    unit = 1_000_000 if sys.platform == "darwin" else 1_000
    return usage.ru_maxrss / unit, time.monotonic() - began


def _plain(path: Path, students: int, sections: int) -> Path:
    header = "course,section,term,student_id,roll_number,name,email,teacher"
    _write(
        path,
        header,
        (
            (
                f"C{n % sections // 10:04}",
                f"{n % sections % 10}",
                "Autumn 2026",
                f"S{n:06}",
                f"{n // sections + 1}",
                f"Student Number {n}",
                f"student{n}@example.edu",
                f"teacher{n % sections // SECTIONS_OF_A_TEACHER}@example.edu",
            )
            for n in range(students)
        ),
    )
    return path


def _oneroster(folder: Path, students: int, sections: int) -> Path:
    """Write another school's export."""
    folder.mkdir()
    teachers = range(0, sections, SECTIONS_OF_A_TEACHER)
    users = [(f"t{n}", "", f"Tess {n}", "Teacher", f"teacher{n}@example.org", "") for n in teachers]
    users += (
        (f"u{n}", f"student{n}", f"Sam {n}", "Student", f"student{n}@example.org", f"{n:07}")
        for n in range(students)
    )
    _write(folder / "users.csv", "sourcedId,username,givenName,familyName,email,identifier", users)
    classes = ((f"c{n}", f"Class {n}", f"K{n // 10:04}", "Autumn 2026") for n in range(sections))
    _write(folder / "classes.csv", "sourcedId,title,courseSourcedId,termSourcedIds", classes)
    enrolments = [(f"c{n}", f"t{n - n % SECTIONS_OF_A_TEACHER}", "teacher") for n in range(sections)]
    enrolments += ((f"c{n % sections}", f"u{n}", "student") for n in range(students))
    _write(folder / "enrollments.csv", "classSourcedId,userSourcedId,role", enrolments)
    return folder


def _write(path: Path, header: str, rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        writer.writerows(rows)


if __name__ == "__main__":
    main()
