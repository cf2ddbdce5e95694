"""Where students stand, for templates."""

from fractions import Fraction

from django import template
from django.utils.functional import Promise

from attendance.rules.standing import Standing
from attendance.rules.words import STANDINGS
from attendance.rules.words import classes as classes_in_words

register = template.Library()


@register.filter
def standing_label(standing: Standing) -> str | Promise:
    """A standing in words, such as "below the minimum"."""
    return STANDINGS[standing]


@register.filter
def classes(number: Fraction) -> str:
    """A number of classes, exactly."""
    return classes_in_words(number)
