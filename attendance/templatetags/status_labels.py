"""A status by its name, for templates that know only its value."""

from django import template
from django.utils.functional import Promise

from attendance.models import Status

register = template.Library()


@register.filter
def status_label(value: str) -> str | Promise:
    """The label of a status; the value itself where it is no status."""
    return Status(value).label if value in Status.values else value
