"""The personal QR code from a student's phone before the teacher's camera, and the look of the pages around it."""

import base64

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from attendance.models import AttendanceRecord, Section, Status
from qrsessions import personal_codes
from qrsessions.models import SessionStatus
from tests import factories
from tests.e2e.conftest import DESK, PHONE, SHAPES, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

# A camera that sees whatever picture is held before it.
CAMERA = """
(() => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [1280, 720];
  const context = canvas.getContext("2d");
  let picture = null;
  setInterval(() => {
    context.fillStyle = "#777";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (picture) context.drawImage(picture, 440, 10, 400, 700);
  }, 40);
  window.holdBefore = async (url) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    picture = image;
  };
  navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(25);
})();
"""


@pytest.fixture
def section() -> Section:
    section = factories.make_section(
        students=3, teachers=[factories.make_teacher()], minimum_percentage=75, name="CS101-A"
    )
    for student, name in zip(factories.students_of(section), NAMES, strict=True):
        student.name = name
        student.save()
    return section


NAMES = ["Asha Rao", "Ben Okafor", "Maximiliane-Charlotte von und zu Hohenstein-Wolfsburg"]


def hold_before(desk: Page, phone: Page) -> None:
    picture = base64.b64encode(phone.screenshot()).decode()
    desk.evaluate("url => holdBefore(url)", f"data:image/png;base64,{picture}")


def own_code(open_page, student, **options) -> Page:
    phone = open_page(**{**PHONE, **options})
    phone.goto("/student/my-qr/")
    sign_in(phone, student.user)
    expect(phone.get_by_role("img", name="Your personal QR code")).to_be_visible()
    phone.wait_for_load_state("networkidle")
    return phone


def test_students_show_their_codes_one_after_another(open_page, section):
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    first, second, third = factories.students_of(section)
    desk = open_page(**DESK)
    desk.add_init_script(CAMERA)
    sign_in(desk, section.teachers.get())
    desk.goto(f"/teach/sessions/{session.public_id}/")
    desk.get_by_role("link", name="Scan students").click()
    marked = desk.locator("[data-marks]")
    desk.get_by_role("button", name="Scan with the camera").click()

    for student in (first, second):
        hold_before(desk, own_code(open_page, student))
        expect(marked.get_by_role("listitem").first).to_contain_text(student.name)
        expect(desk.locator("[data-last-name]")).to_have_text(student.name)

    # and the third has no phone.
    field = desk.get_by_label("Roll number or student id")
    field.fill("4")
    field.press("Enter")
    expect(desk.get_by_role("alert").filter(has_text="Nobody in this class")).to_be_visible()
    field.fill("03")
    field.press("Enter")
    expect(marked.get_by_role("listitem").first).to_contain_text(third.name)
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    expect(desk.locator("[data-stat=total_present]")).to_have_text("3")
    records = AttendanceRecord.objects.order_by("roll_number").values_list("student", "status", "method")
    assert list(records) == [(one.pk, "present", "manual") for one in (first, second, third)]

    # The list leads to each one's mark, and stays when the page is loaded again.
    desk.reload()
    expect(marked.get_by_role("listitem")).to_have_count(3)
    marked.get_by_role("link", name=f"Change {second.name}").click()
    expect(desk.get_by_role("heading", name=second.name)).to_be_visible()


def test_student_of_another_class_is_told(open_page, section):
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    stranger = factories.make_student(name="Chen Wei")
    desk = open_page(**DESK)
    desk.add_init_script(CAMERA)
    sign_in(desk, section.teachers.get())
    desk.goto(f"/teach/sessions/{session.public_id}/scan/")
    desk.get_by_role("button", name="Scan with the camera").click()

    hold_before(desk, own_code(open_page, stranger))

    expect(desk.get_by_text("Chen Wei").first).to_be_visible()
    expect(desk.get_by_text("is not on the list of this class.").first).to_be_visible()
    assert not AttendanceRecord.objects.exists()


def test_code_changes_by_itself(open_page, section):
    phone = open_page(**PHONE)
    phone.clock.install()
    sign_in(phone, factories.students_of(section)[0].user)
    phone.goto("/student/my-qr/")
    image = phone.locator("[data-image]")
    before = image.get_attribute("src")

    phone.clock.fast_forward(personal_codes.REFRESH_SECONDS * 1000 + 100)

    expect(image).not_to_have_attribute("src", before or "")
    expect(phone.locator("[data-lost]")).to_be_hidden()


def test_old_code_is_taken_away_without_connection_and_comes_back(open_page, section):
    phone = open_page(**PHONE)
    phone.clock.install()
    sign_in(phone, factories.students_of(section)[0].user)
    phone.goto("/student/my-qr/")
    phone.wait_for_load_state("networkidle")
    phone.route("**/code.svg*", lambda route: route.fulfill(status=204))

    phone.clock.fast_forward(personal_codes.REFRESH_SECONDS * 1000 * 3)
    expect(phone.get_by_text("No connection. The code comes back by itself.")).to_be_visible()

    phone.unroute("**/code.svg*")
    phone.clock.fast_forward(personal_codes.REFRESH_SECONDS * 1000 * 2)
    expect(phone.locator("[data-lost]")).to_be_hidden()


def test_pages_without_script(open_page, section):
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    student = factories.students_of(section)[0]
    desk, phone = (open_page(java_script_enabled=False) for _ in range(2))

    phone.goto("/student/my-qr/")
    sign_in(phone, student.user)
    expect(phone.get_by_role("img", name="Your personal QR code")).to_be_visible()
    sign_in(desk, section.teachers.get())
    desk.goto(f"/teach/sessions/{session.public_id}/scan/")
    desk.get_by_label("Roll number or student id").fill(student.student_id)
    desk.get_by_role("button", name="Mark present").click()

    expect(desk.get_by_text(f"{student.name} is present.")).to_be_visible()


@pytest.mark.parametrize(("width", "colours"), SHAPES)
def test_pages_have_no_fault_that_axe_knows_and_fit(open_page, section, colours, width):
    teacher, (student, other, _) = section.teachers.get(), factories.students_of(section)
    for status in (Status.PRESENT, Status.PRESENT, Status.ABSENT, Status.EXCUSED):
        ended = factories.make_session(section=section, status=SessionStatus.ENDED)
        factories.make_record(meeting=ended.meeting, student=student, status=status)
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": colours}
    own, desk = open_page(**options), open_page(**options)
    sign_in(open_page(**PHONE), student.user)
    sign_in(own, student.user)
    sign_in(desk, teacher)
    desk.goto(f"/teach/sessions/{session.public_id}/scan/")
    for each in (student, other):
        desk.get_by_label("Roll number or student id").fill(each.student_id)
        desk.keyboard.press("Enter")
        expect(desk.locator("[data-last-name]")).to_have_text(each.name)
    pages = [
        (own, "/student/attendance/"),
        (own, "/student/my-qr/"),
        (own, "/accounts/sign-ins/"),
        (desk, None),
    ]
    for page, path in pages:
        if path:
            page.goto(path)
        page.wait_for_timeout(500)
        violations = Axe().run(page).response["violations"]
        assert [(page.url, one["id"], [node["html"] for node in one["nodes"]]) for one in violations] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
