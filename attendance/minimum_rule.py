"""How many classes a student may still miss, where a section asks for a minimum percentage.

Nobody knows how many classes a term will have, so the rule looks at those that were held: how many of the next ones may
be missed in a row before present / held falls below the minimum, or how many must be attended in a row to reach it again.
Excused classes are left out: they count neither as held nor as missed. All arithmetic is of whole numbers.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class MinimumRule:
    """A student's standing by the rule.

    :ivar minimum: in per cent, 1 to 100
    :ivar present: classes attended, the late ones included
    :ivar held: classes that were held, without those for which the student was excused
    """

    minimum: int
    present: int
    held: int

    @property
    def is_below(self) -> bool:
        return self.present * 100 < self.minimum * self.held

    @property
    def may_miss(self) -> int:
        """How many of the next classes may be missed in a row; 0 for who is below the minimum."""
        # The largest k with present / (held + k) >= minimum / 100.
        return 0 if self.is_below else self.present * 100 // self.minimum - self.held

    @property
    def must_attend(self) -> int | None:
        """How many of the next classes in a row reach the minimum; None where none can, 0 for who is not below it."""
        if not self.is_below:
            return 0
        if self.minimum == 100:
            return None
        # The smallest n with (present + n) / (held + n) >= minimum / 100.
        return -((self.present * 100 - self.minimum * self.held) // (100 - self.minimum))
