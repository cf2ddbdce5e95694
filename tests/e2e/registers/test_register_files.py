"""A teacher chooses registers as files and downloads them."""

import zipfile

import pytest

from tests.support import factories
from tests.support.browser.pages import DESK, assert_readable, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_sections_are_downloaded_as_a_zip(open_page):
    teacher = factories.make_teacher()
    course = factories.make_course(code="CS101", title="Introduction to Computing")
    first, _second = (
        factories.make_section(course=course, name=name, teachers=[teacher], students=2) for name in "AB"
    )
    page = open_page(**DESK)
    sign_in(page, teacher, to=f"/teach/sections/{first.pk}/register/files/")
    assert_readable(page)

    page.get_by_label("Table (.csv)").check()
    page.get_by_label("CS101 Introduction to Computing · B").check()
    page.get_by_label("Course").uncheck()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()

    assert started.value.suggested_filename.endswith(".zip")
    with zipfile.ZipFile(started.value.path()) as archive:
        assert archive.namelist() == ["CS101 A Autumn 2026.csv", "CS101 B Autumn 2026.csv"]
        heads = archive.read("CS101 A Autumn 2026.csv").decode("utf-8-sig").splitlines()[0]
    assert heads == "section,term,student_id,roll_number,name,attended,held,percentage,standing"
