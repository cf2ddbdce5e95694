"""How many classes a student may still miss when a section requires a minimum percentage.

The number of classes in a term is unknown, so the rule starts from those held: how many of the next classes may be
missed in a row before present / held falls below the minimum, or how many must be attended in a row to reach it again.
Excused classes count neither as held nor as missed. All arithmetic is exact, with integers.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class MinimumRule:
    """Where a student stands under the rule.

    :ivar minimum: in per cent, 1 to 100
    :ivar present: classes attended, including late
    :ivar held: classes held, except those the student was excused from
    """

    minimum: int
    present: int
    held: int

    @property
    def is_below(self) -> bool:
        return self.present * 100 < self.minimum * self.held

    @property
    def may_miss(self) -> int:
        """How many of the next classes may be missed in a row; 0 below the minimum."""
        # The largest k with present / (held + k) >= minimum / 100.
        return 0 if self.is_below else self.present * 100 // self.minimum - self.held

    @property
    def must_attend(self) -> int | None:
        """How many of the next classes must be attended in a row to reach the minimum.

        0 if the student is not below it, None if no number is enough.
        """
        if not self.is_below:
            return 0
        if self.minimum == 100:
            return None
        # The smallest n with (present + n) / (held + n) >= minimum / 100.
        return -((self.present * 100 - self.minimum * self.held) // (100 - self.minimum))
