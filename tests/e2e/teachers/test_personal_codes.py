"""Personal QR codes: students show them on their phones, the teacher's camera reads them."""

import base64

import pytest
from playwright.sync_api import Page, expect

from attendance.models import AttendanceRecord, Section, Status
from qrsessions.codes import personal_codes
from qrsessions.models import SessionStatus
from tests.support import factories
from tests.support.browser.pages import (
    DESK,
    PHONE,
    HeldRequests,
    assert_readable,
    is_failed_request,
    page_opener,
    sign_in,
)

pytestmark = pytest.mark.django_db(transaction=True)

# A camera that sees whatever picture the test shows it.
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
  window.showToCamera = async (url) => {
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


def show_to_camera(desk: Page, phone: Page) -> None:
    picture = base64.b64encode(phone.screenshot()).decode()
    desk.evaluate("url => showToCamera(url)", f"data:image/png;base64,{picture}")


def open_personal_code(open_page, student, **options) -> Page:
    phone = open_page(**{**PHONE, **options})
    sign_in(phone, student.user, to="/student/my-qr/")
    expect(phone.get_by_role("img", name="Your personal QR code")).to_be_visible()
    return phone


def test_teacher_scans_several_students_in_a_row(open_page, section):
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    first, second, third = factories.students_of(section)
    desk = open_page(**DESK)
    desk.add_init_script(CAMERA)
    sign_in(desk, section.teachers.get(), to=f"/teach/sessions/{session.public_id}/")
    desk.get_by_role("link", name="Scan students").click()
    marked = desk.locator("[data-marks]")
    desk.get_by_role("button", name="Scan with the camera").click()

    for student in (first, second):
        show_to_camera(desk, open_personal_code(open_page, student))
        expect(marked.get_by_role("listitem").first).to_contain_text(student.name)
        expect(desk.locator("[data-last-name]")).to_have_text(student.name)

    # The third student has no phone.
    field = desk.get_by_label("Roll number or student id")
    field.fill("4")
    field.press("Enter")
    expect(desk.locator("li.unsent").filter(has_text="No student in this class")).to_be_visible()
    expect(desk.get_by_role("status").filter(has_text="4: No student in this class")).to_be_attached()
    field.fill("03")
    field.press("Enter")
    expect(marked.get_by_role("listitem").first).to_contain_text(third.name)
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    desk.get_by_role("button", name="Remove 4").click()
    expect(desk.locator("[data-stat=total_present]")).to_have_text("3")
    records = AttendanceRecord.objects.order_by("roll_number").values_list("student", "status", "method")
    assert list(records) == [(one.pk, "present", "manual") for one in (first, second, third)]

    # The list survives a reload and leads to each student's mark.
    desk.reload()
    expect(marked.get_by_role("listitem")).to_have_count(3)
    marked.get_by_role("link", name=f"Change {second.name}").click()
    expect(desk.get_by_role("heading", name=second.name)).to_be_visible()


def test_camera_reads_the_next_student_while_the_last_one_is_being_sent(open_page, section):
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    first, second, _third = factories.students_of(section)
    desk = open_page(**DESK)
    desk.add_init_script(CAMERA)
    sign_in(desk, section.teachers.get(), to=f"/teach/sessions/{session.public_id}/scan/")
    requests = HeldRequests(desk, "**/personal-codes/")
    desk.get_by_role("button", name="Scan with the camera").click()
    waiting = desk.locator("li.unsent")

    show_to_camera(desk, open_personal_code(open_page, first))
    expect(waiting).to_have_count(1)
    expect(desk.get_by_text("Scanned. Waiting for the server.")).to_be_visible()
    show_to_camera(desk, open_personal_code(open_page, second))
    expect(waiting).to_have_count(2)
    requests.release()
    requests.release()

    marked = desk.locator("[data-marks]").get_by_role("listitem")
    expect(marked.filter(has_text=first.name)).to_contain_text("present")
    expect(marked.filter(has_text=second.name)).to_contain_text("present")
    expect(waiting).to_have_count(0)
    assert set(AttendanceRecord.objects.values_list("student", flat=True)) == {first.pk, second.pk}


def test_code_scanned_without_a_connection_says_how_old_it_is(open_page, section):
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    student = factories.students_of(section)[0]
    desk = open_page(**DESK)
    desk.add_init_script(CAMERA)
    sign_in(desk, section.teachers.get(), to=f"/teach/sessions/{session.public_id}/scan/")
    requests = HeldRequests(desk, "**/personal-codes/")
    desk.get_by_role("button", name="Scan with the camera").click()
    show_to_camera(desk, open_personal_code(open_page, student))
    expect(desk.locator("li.unsent")).to_have_count(1)

    assert requests.lose().post_data_json["waited_seconds"] == 0
    assert requests.release().post_data_json["waited_seconds"] >= 1

    expect(desk.locator("[data-last-name]")).to_have_text(student.name)


def test_student_of_another_class_is_refused_without_a_name(open_page, section):
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    stranger = factories.make_student(name="Chen Wei")
    desk = open_page(**DESK)
    desk.add_init_script(CAMERA)
    sign_in(desk, section.teachers.get(), to=f"/teach/sessions/{session.public_id}/scan/")
    desk.get_by_role("button", name="Scan with the camera").click()

    show_to_camera(desk, open_personal_code(open_page, stranger))

    expect(desk.get_by_text("This is the code of a student of another section.").first).to_be_visible()
    expect(desk.get_by_text("Chen Wei")).to_have_count(0)
    assert not AttendanceRecord.objects.exists()


def test_code_refreshes_by_itself(open_page, section):
    phone = open_page(**PHONE)
    phone.clock.install()
    sign_in(phone, factories.students_of(section)[0].user, to="/student/my-qr/")
    image = phone.locator("[data-image]")
    before = image.get_attribute("src")

    phone.clock.fast_forward(personal_codes.REFRESH_SECONDS * 1000 + 100)

    expect(image).not_to_have_attribute("src", before or "")
    expect(phone.locator("[data-lost]")).to_be_hidden()


def test_expired_code_is_hidden_offline_and_returns_online(open_page, section):
    phone = open_page(**PHONE)
    phone.clock.install()
    sign_in(phone, factories.students_of(section)[0].user, to="/student/my-qr/")
    phone.wait_for_load_state("networkidle")
    phone.route("**/code.svg*", lambda route: route.fulfill(status=204))

    phone.clock.fast_forward(personal_codes.REFRESH_SECONDS * 1000 * 3)
    expect(phone.get_by_text("No connection. The code will come back automatically.")).to_be_visible()

    phone.unroute("**/code.svg*")
    phone.clock.fast_forward(personal_codes.REFRESH_SECONDS * 1000 * 2)
    expect(phone.locator("[data-lost]")).to_be_hidden()


def test_code_returns_after_a_hanging_server(browser, own_server, section):
    origin = f"http://127.0.0.1:{own_server.port}"
    with page_opener(browser, origin, is_expected=is_failed_request) as open_page:
        phone = open_page(**PHONE)
        phone.clock.install()
        sign_in(phone, factories.students_of(section)[0].user, to="/student/my-qr/")
        phone.wait_for_load_state("networkidle")
        image = phone.locator("[data-image]")
        before = image.get_attribute("src")
        with own_server.hanging():
            phone.evaluate("dispatchEvent(new Event('online'))")
            phone.clock.run_for(2 * personal_codes.REFRESH_SECONDS * 1000 + 100)
            expect(phone.get_by_text("No connection. The code will come back automatically.")).to_be_visible()
        phone.clock.run_for(10_000)

        expect(image).not_to_have_attribute("src", before or "")
        expect(phone.locator("[data-lost]")).to_be_hidden()


def test_pages_work_without_javascript(open_page, section):
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    student = factories.students_of(section)[0]
    desk, phone = (open_page(java_script_enabled=False) for _ in range(2))

    sign_in(phone, student.user, to="/student/my-qr/")
    expect(phone.get_by_role("img", name="Your personal QR code")).to_be_visible()
    sign_in(desk, section.teachers.get(), to=f"/teach/sessions/{session.public_id}/scan/")
    desk.get_by_label("Roll number or student id").fill(student.student_id)
    desk.get_by_role("button", name="Mark present").click()

    expect(desk.get_by_text(f"{student.name} is present.")).to_be_visible()


def test_pages_are_accessible_and_fit_the_width(open_page, section):
    teacher, (student, other, _) = section.teachers.get(), factories.students_of(section)
    for status in (Status.PRESENT, Status.PRESENT, Status.ABSENT, Status.EXCUSED):
        ended = factories.make_session(section=section, status=SessionStatus.ENDED)
        factories.make_record(meeting=ended.meeting, student=student, status=status)
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    own, desk = open_page(), open_page()
    # With the form, so that the page of sign-ins has two.
    for page in (open_page(**PHONE), own):
        page.goto("/accounts/login/")
        sign_in(page, student.user)
    sign_in(desk, teacher, to=f"/teach/sessions/{session.public_id}/scan/")
    for each in (student, other):
        desk.get_by_label("Roll number or student id").fill(each.student_id)
        desk.keyboard.press("Enter")
        expect(desk.locator("[data-last-name]")).to_have_text(each.name)
    desk.get_by_label("Roll number or student id").fill("999999")
    desk.keyboard.press("Enter")
    expect(desk.locator("li.unsent[data-state=failed]")).to_be_visible()
    assert_readable(desk)
    for path in ("/student/attendance/", "/student/my-qr/", "/accounts/sign-ins/"):
        own.goto(path)
        assert_readable(own)
