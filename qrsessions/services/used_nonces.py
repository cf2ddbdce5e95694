"""Claims and personal codes work once: their nonces are kept until they have long expired."""

import datetime
from collections.abc import Mapping

from attendance.lib import prepared_sql
from qrsessions.models import UsedNonce

# Claims live three minutes. A personal code may be sent 12 hours after it was scanned without a connection.
KEPT = datetime.timedelta(hours=13)

# Sorted, so that two transactions that use the same nonces can't deadlock.
_USE = """
    INSERT INTO qrsessions_usednonce (nonce, arrived_at)
    SELECT used.nonce, used.arrived_at
      FROM json_to_recordset(%(rows)s::json) AS used(nonce text, arrived_at timestamptz)
     ORDER BY used.nonce
    ON CONFLICT (nonce) DO NOTHING
    RETURNING nonce
"""


def use(nonces: Mapping[str, datetime.datetime]) -> set[str]:
    """Use up these nonces inside the caller's transaction; a nonce that another transaction is using waits for its end.

    :param nonces: with the moment at which each arrived
    :returns: those that had not been used before
    """
    if not nonces:
        return set()
    rows = [{"nonce": nonce, "arrived_at": arrived_at} for nonce, arrived_at in nonces.items()]
    return {nonce for (nonce,) in prepared_sql.run(_USE, {"rows": prepared_sql.rows(rows)})}


def delete_expired(*, at: datetime.datetime) -> None:
    """Delete the nonces of claims and codes that are too old to be accepted."""
    UsedNonce.objects.filter(arrived_at__lt=at - KEPT).delete()
