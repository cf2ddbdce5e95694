"""Users from the copies that a process keeps: each request's own, as the database would give them."""

import pytest

from attendance.known_users import find_user, student_of
from attendance.models import User
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def student():
    (student,) = factories.students_of(factories.make_section(students=1))
    return student


def values(instance):
    return {field.attname: getattr(instance, field.attname) for field in instance._meta.concrete_fields}


def test_user_is_as_the_database_gives_it(student, django_assert_num_queries):
    find_user(student.user_id)
    read = User.objects.select_related("student").get(pk=student.user_id)

    with django_assert_num_queries(0):
        found = find_user(student.user_id)
        assert found == read
        assert values(found) == values(read)
        assert values(student_of(found)) == values(read.student)
        assert (found._state.db, found._state.adding) == (read._state.db, read._state.adding)


def test_who_is_no_student_has_none():
    teacher = factories.make_teacher()

    assert student_of(find_user(teacher.pk)) is None
    assert student_of(find_user(teacher.pk)) is None


def test_nobody_sees_what_another_request_did_to_its_user(student):
    find_user(student.user_id)
    one, other = find_user(student.user_id), find_user(student.user_id)
    one.username = "changed"
    student_of(one).name = "changed"

    assert other.username == student.user.username
    assert student_of(other).name == student.name
    assert find_user(student.user_id).username == student.user.username
