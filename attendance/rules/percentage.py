"""Percentages as Rollcall shows them: to one decimal, rounded half up. What counts in a student's is in ``standing``."""

import math
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction


def percentage(part: int, total: int) -> float:
    """``part`` of ``total`` in per cent; 0 of nothing is 0."""
    if total == 0:
        return 0.0
    return float((Decimal(part) * 100 / Decimal(total)).quantize(Decimal("0.1"), ROUND_HALF_UP))


def percentage_beside(share: Fraction, *, limits: Iterable[int]) -> float:
    """The share in per cent, rounded down where rounding up would reach a limit that the share is below.

    :param share: from 0 to 1
    :param limits: whole percentages, such as a minimum
    """
    tenths = math.floor(share * 1000 + Fraction(1, 2))
    if any(share * 100 < limit and tenths >= limit * 10 for limit in limits):
        tenths = math.floor(share * 1000)
    return tenths / 10
