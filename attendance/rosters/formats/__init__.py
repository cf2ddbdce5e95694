"""The kinds of files that a roster may come in. Each is turned into the same entries."""

from attendance.rosters.csv_rows import possible_headers
from attendance.rosters.entries import Roster
from attendance.rosters.files import ONEROSTER, RosterFile, RosterFiles
from attendance.rosters.formats import plain_csv
from attendance.rosters.formats.given import Given
from attendance.rosters.formats.oneroster import read_oneroster
from attendance.rosters.formats.other_files import why_no_roster
from attendance.rosters.formats.platforms import (
    BLACKBOARD,
    CANVAS,
    CLASSROOM,
    MOODLE,
    Platform,
    read_platform,
)
from attendance.rosters.formats.school_files import read_school
from attendance.rosters.problems import Problems

__all__ = ["Given", "read_roster"]


def read_roster(files: RosterFiles, given: Given, problems: Problems) -> Roster:
    """Return the roster in the files. What is wrong with them is added to the problems."""
    given.check(problems)
    if files.single is not None:
        return _read_single(files.single, given, problems)
    layout = files.layout or ONEROSTER
    if given.cells:
        options = ", ".join(f"--{column}" for column in given.cells)
        problems.add(f"The export names its courses and sections itself. Import it without {options}.")
    if layout is ONEROSTER:
        return read_oneroster(files.files, problems)
    return read_school(layout, files.files, problems)


def _read_single(file: RosterFile, given: Given, problems: Problems) -> Roster:
    lines = possible_headers(file)

    def is_of(platform: Platform) -> bool:
        return any(platform.signature.fits(cells) for cells in lines)

    def is_plain(given: Given) -> bool:
        columns = plain_csv.COLUMNS.without(*given.cells)
        return any(columns.satisfied_by(cells) for cells in lines)

    if not is_plain(Given()):
        platform = next((one for one in (CANVAS, MOODLE, BLACKBOARD) if is_of(one)), None)
        if platform is None and not is_plain(given) and is_of(CLASSROOM):
            platform = CLASSROOM
        if platform is not None:
            return read_platform(platform, file, given, problems)
        if not is_plain(given) and (reason := why_no_roster(lines)):
            problems.add(reason, file=file.name)
            return Roster()
    return plain_csv.read_plain(file, problems, given)
