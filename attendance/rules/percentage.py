"""Percentages as Rollcall shows them."""

from decimal import ROUND_HALF_UP, Decimal


def percentage(part: int, total: int) -> float:
    """``part`` of ``total`` in per cent, to one decimal, rounded half up; 0 of nothing is 0."""
    if total == 0:
        return 0.0
    return float((Decimal(part) * 100 / Decimal(total)).quantize(Decimal("0.1"), ROUND_HALF_UP))
