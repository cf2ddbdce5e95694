"""When sections meet: weekly patterns, holidays, and the planned meetings made from them."""
