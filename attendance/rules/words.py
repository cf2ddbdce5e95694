"""A rule in words, as pages show it beside the numbers."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from attendance.rules.rule import Excused, Rule


def in_words(rule: Rule) -> list[str]:
    """One sentence for each part of the rule that is not as everybody expects, and always how excused classes count."""
    words = []
    if rule.minimum_percentage:
        words.append(_("Required: %(minimum)s%%.") % {"minimum": rule.minimum_percentage})
    if rule.late_counts == 0:
        words.append(_("A class you were late for counts as missed."))
    elif rule.late_counts < 100:
        words.append(_("A class you were late for counts %(late)s%%.") % {"late": rule.late_counts})
    if rule.lates_per_absence:
        words.append(
            ngettext(
                "Every late mark is an absence.",
                "Every %(number)s late marks are one absence.",
                rule.lates_per_absence,
            )
            % {"number": rule.lates_per_absence}
        )
    if rule.excused is Excused.ATTENDED:
        words.append(_("Excused classes count as attended."))
    else:
        words.append(_("Excused classes do not count."))
    if rule.drop_lowest:
        words.append(
            ngettext(
                "The class that counts least is left out.",
                "The %(number)s classes that count least are left out.",
                rule.drop_lowest,
            )
            % {"number": rule.drop_lowest}
        )
    return words
