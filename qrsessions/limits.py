"""How often a student may join and mark, counted for the API and the pages together."""

from attendance.ratelimit import Limit

# A phone that retries is let through; a script that guesses is not.
MARKS = Limit("mark", times=60, per_seconds=60)
JOINS = Limit("join", times=60, per_seconds=60)
