"""Why students are at risk, in words. The forecast is in ``attendance.rules.words``."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from attendance.rules.risk import FALL_POINTS, LAST_CLASSES, MIN_CLASSES, Risk
from attendance.rules.standing import Result


def reason_in_words(reason: Risk, result: Result, *, absences: int) -> str:
    """Why the student is at risk.

    :param absences: at how many of the latest classes the student was absent
    """
    match reason:
        case Risk.LOST:
            return _("cannot reach %(minimum)s%% any more") % {"minimum": result.rule.minimum_percentage}
        case Risk.BELOW:
            return _("below %(minimum)s%%") % {"minimum": result.rule.minimum_percentage}
        case Risk.ABSENCES:
            return ngettext("absent at the last class", "absent at the last %(number)s classes", absences) % {
                "number": absences
            }
        case Risk.FALLING:
            return _("attends much less than before")


def reasons_explained(*, absences: int) -> list[str]:
    """Who is listed as at risk, and what each reason means."""
    return [
        _("Below the minimum: counted from %(number)s classes on.") % {"number": MIN_CLASSES},
        _("Cannot reach the minimum any more: not even by attending every class from now on."),
        ngettext(
            "Absent at the last class. Excused classes are passed over.",
            "Absent at the last %(number)s classes or more. Excused classes are passed over.",
            absences,
        )
        % {"number": absences},
        _(
            "Attends much less than before: the last %(last)s classes are at least %(points)s points below the ones before."
        )
        % {"last": LAST_CLASSES, "points": FALL_POINTS},
    ]
