"""A rule, and what it makes of one student's classes, in words: pages show them beside every number.

They are written so that teachers and students can read the same sentences.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from fractions import Fraction
from typing import Any

from django.template.defaultfilters import floatformat
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from attendance.models import ExcusedCounts, Status
from attendance.rules.rule import Rule
from attendance.rules.standing import NOTHING, WHOLE, Counted, Result, Row, Standing, Together

_EXPECTED = Rule()

STANDINGS = {
    Standing.OK: gettext_lazy("on track"),
    Standing.WARNED: gettext_lazy("warned"),
    Standing.BELOW: gettext_lazy("below the minimum"),
    Standing.LOST: gettext_lazy("cannot reach the minimum"),
}


def in_words(rule: Rule) -> list[str]:
    """One sentence for each part of the rule that is not as everybody expects, and always how excused classes count."""
    words = [
        part_in_words(name, getattr(rule, name))
        for name in (
            "minimum_percentage",
            "warn_below",
            "late_counts",
            "lates_per_absence",
            "excused",
            "drop_lowest",
        )
        if name == "excused" or getattr(rule, name) != getattr(_EXPECTED, name)
    ]
    return words + labels_in_words(rule.label_counts, rule.label_names)


def marks_in_words(rule: Rule) -> list[str]:
    """What marks count on the days of this rule: the parts of it that each class's own day decides."""
    words = [part_in_words(name, getattr(rule, name)) for name in ("late_counts", "excused")]
    return words + labels_in_words(rule.label_counts, rule.label_names)


def part_in_words(name: str, value: Any) -> str:
    """One part of a rule as a sentence.

    :param name: the field of ``Rule``, except ``label_counts``
    """
    match name:
        case "minimum_percentage":
            return (
                _("Required: %(minimum)s%%.") % {"minimum": value} if value else _("No minimum is required.")
            )
        case "warn_below":
            return _("Warning below %(limit)s%%.") % {"limit": value} if value else _("There is no warning.")
        case "late_counts":
            if value in {NOTHING, WHOLE}:
                return _("A late mark counts as attended.") if value else _("A late mark counts as missed.")
            return _("A late mark counts %(late)s%%.") % {"late": value}
        case "lates_per_absence":
            if not value:
                return _("Late marks never add up to an absence.")
            text = ngettext(
                "Every late mark is an absence.", "Every %(number)s late marks are one absence.", value
            )
            return text % {"number": value}
        case "excused":
            if value == ExcusedCounts.ATTENDED:
                return _("Excused classes count as attended.")
            return _("Excused classes do not count.")
        case "drop_lowest":
            if not value:
                return _("No class is left out.")
            text = ngettext(
                "The class that counts least is left out.",
                "The %(number)s classes that count least are left out.",
                value,
            )
            return text % {"number": value}
        case "forecast_counts_planned":
            if value:
                return _("The forecast counts the planned classes.")
            return _("The forecast does not count planned classes.")
    raise ValueError(f"a rule has no part {name}")


def values_in_words(values: Mapping[Any, Any], *, labels: Mapping[int, str] | None = None) -> list[str]:
    """What one version says, in the order of the form.

    :param values: its values by the name of the field, and of labels by their keys
    """
    words = [part_in_words(field.name, values[field.name]) for field in fields(Rule) if field.name in values]
    return words + labels_in_words(values, labels or {})


def labels_in_words(counts: Mapping[Any, int], names: Mapping[int, str]) -> list[str]:
    """What labels count, in the order of their names."""
    return [
        _("“%(label)s” counts %(counts)s%%.") % {"label": name, "counts": counts[label]}
        for label, name in sorted(names.items(), key=lambda label: label[1])
        if label in counts
    ]


def why(row: Row) -> str:
    """Why a class does not count as everybody expects of its status; empty if it does."""
    match row.counted:
        case Counted.NO_STATUS:
            return _("no status, so it does not count")
        case Counted.EXCUSED:
            return (
                _("excused, so it does not count") if row.counts is None else _("excused counts as attended")
            )
        case Counted.LATE_IS_ABSENCE:
            return _("late once too often, so it counts as missed")
        case Counted.DROPPED:
            return _("left out, because it counts least")
        case Counted.AS_LABELLED:
            return _("this label counts %(counts)s%%") % {"counts": row.counts}
        case Counted.AS_MARKED:
            if row.meeting.status is Status.LATE and row.counts != WHOLE:
                return _("late counts %(counts)s%%") % {"counts": row.counts}
    return ""


def arithmetic(result: Result) -> str:
    """How the percentage comes about, such as "12 + 2 × 50% = 13 of 15 classes = 86.7%"."""
    if result.percentage is None:
        return _("No class counts yet, so there is no percentage.")
    numbers = Counter(row.counts for row in result.rows if row.counts)
    terms = [
        str(number) if counts == WHOLE else f"{number} × {counts}%"
        for counts, number in sorted(numbers.items(), reverse=True)
    ]
    attended = classes(result.attended)
    left = " + ".join(terms)
    total = attended if left in {attended, ""} else f"{left} = {attended}"
    return _of_classes(total, result.held, result.percentage)


def arithmetic_together(together: Together) -> str:
    """Likewise for the sections of one course together, such as "8 + 3 = 11 of 14 classes = 78.6%"."""
    if together.percentage is None:
        return _("No class counts yet, so there is no percentage.")
    left = " + ".join(classes(part.attended) for part in together.parts)
    return _of_classes(f"{left} = {classes(together.attended)}", together.held, together.percentage)


def classes(number: Fraction) -> str:
    """A number of classes, exactly: "13", "2.5" or "1.85"."""
    return number_format(int(number) if number.denominator == 1 else float(number))


def _of_classes(attended: str, held: int, percentage: float) -> str:
    text = ngettext(
        "%(attended)s of %(held)s class = %(percentage)s%%",
        "%(attended)s of %(held)s classes = %(percentage)s%%",
        held,
    )
    return text % {"attended": attended, "held": held, "percentage": floatformat(percentage, -1)}


def forecast(result: Result) -> str:
    """What is still possible, as a teacher says it of a student; empty without a minimum or a class that counts."""
    minimum, remain = result.rule.minimum_percentage, result.remain
    if not minimum or not result.held:
        return ""
    match result.standing:
        case Standing.LOST:
            return _("Cannot reach %(minimum)s%% any more.") % {"minimum": minimum}
        case Standing.BELOW:
            text = ngettext(
                "Reaches %(minimum)s%% by attending the next class.",
                "Reaches %(minimum)s%% by attending the next %(number)s classes.",
                result.must_attend or 0,
            )
            return text % {"minimum": minimum, "number": result.must_attend}
    if remain is not None:
        text = ngettext(
            "May miss %(number)s of the %(remain)s class that remains.",
            "May miss %(number)s of the %(remain)s classes that remain.",
            remain,
        )
        return text % {"number": result.may_miss, "remain": remain}
    if not result.may_miss:
        return _("May not miss the next class.")
    text = ngettext(
        "May miss %(number)s more class.", "May miss %(number)s more classes in a row.", result.may_miss
    )
    return text % {"number": result.may_miss}
