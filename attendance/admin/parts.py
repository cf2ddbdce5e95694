"""What the admins of both apps share."""

from collections.abc import Sequence
from typing import Any, cast

from django.contrib.admin.utils import NestedObjects
from django.contrib.auth import get_permission_codename
from django.db import models, router
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


class ReadOnly:
    """For an admin or an inline: rows that only services write. A row goes when what it belongs to is deleted."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class DeletesWhatBelongsToIt:
    """For an admin whose deletion takes read-only rows with it.

    Django asks each row's own admin, and so could never delete a meeting that has records. Here the user's
    permissions decide. Rows are counted, not listed: a meeting has 600 of them.
    """

    model: type[Any]

    def get_deleted_objects(
        self, objs: QuerySet[Any] | Sequence[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        collector = NestedObjects(using=router.db_for_write(self.model), origin=objs)
        collector.collect(objs)
        # The stubs take the keys for names.
        rows_of = cast("dict[type[Model], set[Model]]", collector.model_objs)
        counts = {str(model._meta.verbose_name_plural): len(rows) for model, rows in rows_of.items()}
        not_permitted = {
            str(model._meta.verbose_name)
            for model in rows_of
            if not request.user.has_perm(
                f"{model._meta.app_label}.{get_permission_codename('delete', model._meta)}"
            )
        }
        return [str(row) for row in objs], counts, not_permitted, [str(row) for row in collector.protected]


def rows_link(model: type[models.Model], text: object, **filters: object) -> SafeString:
    """A link to the model's list in the admin, filtered."""
    address = reverse(
        f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist",
        query={name: str(value) for name, value in filters.items()},
    )
    return format_html('<a href="{}">{}</a>', address, text)
