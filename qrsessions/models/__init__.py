"""How a meeting takes attendance by phone."""

from qrsessions.models.choices import SECRET_BYTES, SESSION_SETTINGS, JoinPolicy, SessionStatus, new_secret
from qrsessions.models.events import Action, SessionEvent
from qrsessions.models.groups import GroupSession, GroupSessionQuerySet
from qrsessions.models.refused_scans import RefusedScan
from qrsessions.models.sessions import QRSession, QRSessionQuerySet
from qrsessions.models.used_nonces import UsedNonce

# Most pages and most of the API work the same for both.
SessionOrGroup = QRSession | GroupSession

__all__ = [
    "SECRET_BYTES",
    "SESSION_SETTINGS",
    "Action",
    "GroupSession",
    "GroupSessionQuerySet",
    "JoinPolicy",
    "QRSession",
    "QRSessionQuerySet",
    "RefusedScan",
    "SessionEvent",
    "SessionOrGroup",
    "SessionStatus",
    "UsedNonce",
    "new_secret",
]
