"""The API of terms and their holidays, and how lists leave out past terms."""

import datetime
from typing import Any, TypeVar

from django.db.models import Q
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from attendance.api.fields import IdField
from attendance.api.permissions import IsAdmin
from attendance.lib.texts import max_length
from attendance.models import Holiday, Term
from attendance.models.visibility import VisibleQuerySet
from attendance.timetable.term_editing import HolidayDays, save_term

MAX_HOLIDAYS = 200

_Rows = TypeVar("_Rows", bound=VisibleQuerySet[Any])


class TermFilterSerializer(serializers.Serializer[Any]):
    """The terms of a list. Past ones are left out, unless one of these asks for them."""

    term = IdField(
        required=False,
        help_text="The id of a term: only this one, also if it is past.",
    )
    past = serializers.BooleanField(default=False, help_text="Also past terms.")


def in_wanted_terms(rows: _Rows, request: Request, *, on: datetime.date, always: Q | None = None) -> _Rows:
    """The rows of the terms that the request asks for, as ``TermFilterSerializer`` says.

    :param always: the condition of rows that are listed also if their term is past
    """
    wanted = TermFilterSerializer(data=request.query_params)
    wanted.is_valid(raise_exception=True)
    if term := wanted.validated_data.get("term"):
        return rows.filter(rows.term_condition(pk=term))
    if wanted.validated_data["past"]:
        return rows
    condition = ~rows.past_condition(on=on)
    return rows.filter(condition | always if always else condition)


class HolidaySerializer(serializers.Serializer[Any]):
    """Days without classes, both included. ``sections`` are the ids of those concerned; none means everybody."""

    name = serializers.CharField(max_length=max_length(Holiday, "name"))
    first_day = serializers.DateField()
    last_day = serializers.DateField()
    sections = serializers.ListField(child=IdField(), default=list, max_length=1000)

    def to_representation(self, instance: Any) -> Any:
        names = {name: getattr(instance, name) for name in ("name", "first_day", "last_day")}
        return super().to_representation(
            names | {"sections": sorted(section.pk for section in instance.sections.all())}
        )


class TermSerializer(serializers.Serializer[Term]):
    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(max_length=max_length(Term, "name"))
    first_day = serializers.DateField(allow_null=True, default=None)
    last_day = serializers.DateField(allow_null=True, default=None)
    holidays = HolidaySerializer(many=True, default=list, max_length=MAX_HOLIDAYS)  # type: ignore[call-arg]


class TermChangeSerializer(serializers.Serializer[Any]):
    """Fields that are left out stay the same. ``holidays`` replaces all of them."""

    name = serializers.CharField(max_length=max_length(Term, "name"), required=False)
    first_day = serializers.DateField(allow_null=True, required=False)
    last_day = serializers.DateField(allow_null=True, required=False)
    holidays = HolidaySerializer(many=True, required=False, max_length=MAX_HOLIDAYS)  # type: ignore[call-arg]


class TermList(APIView):
    def get_permissions(self) -> Any:
        return [IsAdmin()] if self.request.method == "POST" else [IsAuthenticated()]

    @extend_schema(responses=TermSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All terms with their holidays, the latest first. Those without dates come before all others."""
        return Response(TermSerializer(_terms(), many=True).data)

    @extend_schema(request=TermSerializer, responses={201: TermSerializer})
    def post(self, request: Request) -> Response:
        """Add a term. For administrators."""
        wanted = TermSerializer(data=request.data)
        return Response(_saved(Term(), wanted), status=201)


class TermDetail(APIView):
    permission_classes = (IsAdmin,)

    @extend_schema(request=TermChangeSerializer, responses=TermSerializer)
    def patch(self, request: Request, term_id: int) -> Response:
        """Change a term; `holidays` replaces all of them. The meetings to come are planned again. For administrators."""
        term = get_object_or_404(Term, pk=term_id)
        return Response(_saved(term, TermChangeSerializer(data=request.data)))


def _terms() -> Any:
    return Term.objects.prefetch_related("holidays__sections")


def _saved(term: Term, wanted: serializers.Serializer[Any]) -> Any:
    wanted.is_valid(raise_exception=True)
    fields = dict(wanted.validated_data)
    holidays = fields.pop("holidays", None)
    for name, value in fields.items():
        setattr(term, name, value)
    rows = None
    if holidays is not None:
        rows = [HolidayDays(**row | {"sections": frozenset(row["sections"])}) for row in holidays]
    save_term(term=term, holidays=rows, at=timezone.now())
    return TermSerializer(_terms().get(pk=term.pk)).data
