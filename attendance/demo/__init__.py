"""The demo institution of ``manage.py seed_demo``."""

# A known password is safe only in the embedded database of a trial. Elsewhere each run of the command makes a random one.
DEMO_PASSWORD = "rollcall-demo"  # noqa: S105
