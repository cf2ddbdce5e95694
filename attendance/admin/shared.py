"""Mixins and links used by the admin of both apps."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.utils import NestedObjects
from django.contrib.admin.widgets import AutocompleteMixin, AutocompleteSelect, AutocompleteSelectMultiple
from django.contrib.auth import get_permission_codename
from django.core.exceptions import ValidationError
from django.db import models, router
from django.db.models import Model, Prefetch, Q, QuerySet
from django.forms import Field
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from attendance.models import Section, TeachingAssignment, Term
from attendance.models.terms import oldest_last_day
from attendance.rosters.cells import clean_id, fault_of_id

# A key that the database can compare.
_DIGITS = re.compile("[0-9]{1,18}")


class NotEditable:
    """Mixin for an admin or inline whose rows only services write."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnly(NotEditable):
    """Likewise. The rows are deleted only with their parent."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class _NumbersOnly(AutocompleteMixin):
    """Django asks the database for whatever was sent, also for what is no number, and fails."""

    def optgroups(self, name: str, value: Sequence[Any], attrs: Any = None) -> Any:
        return super().optgroups(name, [one for one in value if _DIGITS.fullmatch(str(one))], attrs)


class _SelectOne(_NumbersOnly, AutocompleteSelect):
    pass


class _SelectMany(_NumbersOnly, AutocompleteSelectMultiple):
    pass


class Autocompletes:
    """Mixin for an admin or inline with ``autocomplete_fields``: a wrong id is an error of the form."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs = self._widget(_SelectOne, db_field, request) | kwargs
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs = self._widget(_SelectMany, db_field, request) | kwargs
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]

    def _widget(self, widget: Any, db_field: Any, request: HttpRequest) -> dict[str, Any]:
        own = cast("admin.ModelAdmin[Any]", self)
        if db_field.name not in own.get_autocomplete_fields(request):
            return {}
        return {"widget": widget(db_field, own.admin_site)}


class CascadingDelete:
    """Mixin for an admin whose rows are deleted together with read-only rows.

    Django asks the admin of each related row, so it would never delete a meeting that has records. This mixin
    asks for the user's delete permission on each model instead. It counts the related rows rather than listing
    them, because a meeting can have 600.
    """

    model: type[Any]

    def get_deleted_objects(
        self, objs: QuerySet[Any] | Sequence[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        collector = NestedObjects(using=router.db_for_write(self.model), origin=objs)
        collector.collect(objs)
        # django-stubs wrongly types the keys as strings.
        rows_by_model = cast("dict[type[Model], set[Model]]", collector.model_objs)
        counts = {str(model._meta.verbose_name_plural): len(rows) for model, rows in rows_by_model.items()}
        not_permitted = {
            str(model._meta.verbose_name)
            for model in rows_by_model
            if not request.user.has_perm(
                f"{model._meta.app_label}.{get_permission_codename('delete', model._meta)}"
            )
        }
        return [str(row) for row in objs], counts, not_permitted, [str(row) for row in collector.protected]


class TermFilter(admin.SimpleListFilter):
    """Filters by term. Past terms are left out unless somebody asks for them, or for the rows of one object."""

    title = _("term")
    parameter_name = "term"
    # The lookup from the row to its term.
    term = "term"

    @classmethod
    def by(cls, term: str) -> "type[TermFilter]":
        """The filter for rows whose term is found by this lookup."""
        return type(cls.__name__, (cls,), {"term": term})

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        # A link from one object, such as "Records" of a meeting, shows all of them.
        self._is_of_one_object = any(name.endswith("__id__exact") for name in request.GET)

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, StrOrPromise]]:
        terms = [
            (str(term.pk), f"{term} ({term.first_day:%Y})" if term.first_day else str(term))
            for term in Term.objects.all()
        ]
        return [("current", _("Current terms")), ("past", _("Past terms")), ("all", _("All terms")), *terms]

    def value(self) -> str:
        value = super().value()
        if value in dict(self.lookup_choices):
            return str(value)
        return "all" if self._is_of_one_object else "current"

    def choices(self, changelist: Any) -> Iterator[Any]:
        # Without Django's own "All", which no value stands for here.
        return islice(super().choices(changelist), 1, None)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        past = Q(**{f"{self.term}__last_day__lt": oldest_last_day(timezone.localdate())})
        if value == "current":
            return queryset.exclude(past)
        if value == "past":
            return queryset.filter(past)
        return queryset if value == "all" else queryset.filter(**{self.term: value})


def rows_link(model: type[models.Model], text: object, **filters: object) -> SafeString:
    """Return a link to the model's list in the admin, filtered."""
    address = reverse(
        f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist",
        query={name: str(value) for name, value in filters.items()},
    )
    return format_html('<a href="{}">{}</a>', address, text)


def teachers_of_today(lookup: str) -> "Prefetch[Any]":
    """Prefetch who teaches each section today, for ``teacher_names``."""
    teaching = TeachingAssignment.objects.holding_on(timezone.localdate()).select_related("user")
    return Prefetch(lookup, teaching, to_attr="of_today")


def teacher_names(section: Section) -> str:
    return ", ".join(one.user.display_name for one in getattr(section, "of_today", ()))


def typed_id(text: str) -> str:
    """Return an id or number typed or pasted into a form, read as in an import.

    :raises ValidationError: if it cannot be one
    """
    cleaned = clean_id(text)
    fault = fault_of_id(cleaned)
    if fault or not cleaned:
        raise ValidationError(fault or Field.default_error_messages["required"])
    return cleaned
