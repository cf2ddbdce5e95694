"""Users and the students behind them, without a query: a copy of each in the cache, and in the memory of each process.

A change of either forgets the copies after its commit (``sign_in_memory`` says how soon), and none is kept longer than
three minutes: that is how long a change may go unnoticed which Django sends no signal for (``QuerySet.update``), or which
Redis could not be told of.
"""

from collections.abc import Collection
from functools import lru_cache
from typing import Any, TypeVar

from django.core.cache import cache
from django.db import models, transaction
from django.db.models.base import ModelState

from attendance import sign_in_memory
from attendance.models import Student, User

KEPT_SECONDS = 60

_USER_FIELDS = [field.attname for field in User._meta.concrete_fields]
_STUDENT_FIELDS = [field.attname for field in Student._meta.concrete_fields]
_STUDENT: Any = User._meta.get_field("student")
# A release that adds a field finds no copies without it.
_KEY = f"user:{len(_USER_FIELDS)}.{len(_STUDENT_FIELDS)}:"


Instance = TypeVar("Instance", User, Student)

# The values of a user's fields, and of the student's.
Copy = tuple[tuple[Any, ...], tuple[Any, ...] | None]


def find_user(pk: int) -> User | None:
    """The user with this primary key, whose ``student`` is known as well; None where there is none."""
    copy = sign_in_memory.recall(f"{_KEY}{pk}", lambda: find_copies([pk]).get(pk))
    return user_from(copy) if copy else None


def find_copies(pks: Collection[int]) -> dict[int, Copy]:
    """The values of these users and their students by the primary keys of the users, from the cache or the database."""
    told = cache.get_many([f"{_KEY}{pk}" for pk in pks])
    copies: dict[int, Copy] = {pk: told[f"{_KEY}{pk}"] for pk in pks if f"{_KEY}{pk}" in told}
    if missing := set(pks) - set(copies):
        read = {}
        for user in User.objects.select_related("student").filter(pk__in=missing):
            student = student_of(user)
            read[user.pk] = (
                _values(user, _USER_FIELDS),
                _values(student, _STUDENT_FIELDS) if student else None,
            )
        cache.set_many({f"{_KEY}{pk}": copy for pk, copy in read.items()}, KEPT_SECONDS)
        copies |= read
    return copies


def user_from(copy: Copy) -> User:
    """An instance of its own of the user, with the student."""
    user, student = _instances(copy)
    own = _own(user)
    _STUDENT.set_cached_value(own, student and _own(student))
    return own


# To make them from their values takes longer than all else that signing in does.
@lru_cache(maxsize=5000)
def _instances(copy: Copy) -> tuple[User, Student | None]:
    user = User.from_db("default", _USER_FIELDS, copy[0])
    return user, Student.from_db("default", _STUDENT_FIELDS, copy[1]) if copy[1] else None


def _own(instance: Instance) -> Instance:
    """The same with the same values, as if read anew. (``copy.copy`` of a model goes the long way of pickling.)"""
    own = object.__new__(type(instance))
    own.__dict__.update(instance.__dict__)
    own._state = ModelState()
    own._state.adding, own._state.db = False, instance._state.db
    return own


def student_of(user: User) -> Student | None:
    """The student that this user is, if any."""
    return getattr(user, "student", None)


def forget(instance: User | Student, *, update_fields: Collection[str] | None = None, **kwargs: Any) -> None:
    """Called after every change of a user or of a student."""
    pk = instance.pk if isinstance(instance, User) else instance.user_id
    # Each sign-in writes that moment, and nobody asks a copy for it.
    if pk is None or (update_fields and set(update_fields) == {"last_login"}):
        return
    # Now, for this transaction, and after its commit, because another may have copied what was before.
    cache.delete(f"{_KEY}{pk}")
    transaction.on_commit(lambda: cache.delete(f"{_KEY}{pk}"), robust=True)
    sign_in_memory.forget_all()


def _values(instance: models.Model, names: list[str]) -> tuple[Any, ...]:
    return tuple(getattr(instance, name) for name in names)
