"""What the views of the API share."""

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from attendance.permissions import IsTeacher, signed_in
from attendance.refusals import Refused
from qrsessions.models import QRSession

CONFLICT = OpenApiResponse(OpenApiTypes.OBJECT, description="Refused in the present state; see `code`.")
# A page names whom it was made for: in another tab of a shared phone somebody else may have signed in since.
PAGE_OF_HEADER = "X-Rollcall-User"
# The same in ``request.META``.
PAGE_OF = f"HTTP_{PAGE_OF_HEADER.upper().replace('-', '_')}"


class OtherUser(Refused):
    code = "other_user"
    detail = _("Somebody else has signed in on this phone. Reload the page.")


class TeacherView(APIView):
    permission_classes = (IsTeacher,)

    def session(self, request: Request, public_id: str) -> QRSession:
        """The session, if the user may see it."""
        visible = QRSession.objects.visible_to(signed_in(request)).with_names()
        return get_object_or_404(visible, meeting__public_id=public_id)

    def session_alone(self, request: Request, public_id: str) -> QRSession:
        """The same with its meeting and nothing else: for what pages ask again and again."""
        visible = QRSession.objects.visible_to(signed_in(request)).select_related("meeting")
        return get_object_or_404(visible, meeting__public_id=public_id)
