"""The API of the register of a term: as JSON, and as files."""

import datetime
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request

from attendance.api.permissions import signed_in
from attendance.exports.downloads import FILES, READS, ZIPS, download
from attendance.exports.paper import PaperSize
from attendance.exports.registers.files import FileType, read_register, register_file, zip_file
from attendance.exports.registers.json import json_parts
from attendance.exports.registers.table import Options
from attendance.registers.term_register import term_register
from qrsessions.api.base import CONFLICT, TeacherView
from qrsessions.queries.access import find_whole_section, find_whole_sections
from qrsessions.serializers.date_range import DateRangeSerializer
from qrsessions.serializers.term_registers import (
    MarksFilterSerializer,
    RegisterDataSerializer,
    RegisterFileFilterSerializer,
    TermRegisterSerializer,
    ZipFilterSerializer,
)


class AnyAccept(BaseContentNegotiation):
    """An address names the type of its file. Errors are JSON, whatever the client accepts."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class SectionRegister(TeacherView):
    @extend_schema(parameters=[DateRangeSerializer], responses=TermRegisterSerializer)
    def get(self, request: Request, section_id: int) -> StreamingHttpResponse:
        """The register of a section: its meetings, and its students with a cell for each meeting.

        Only for those who see every class of the section; 403 `not_whole` otherwise.
        """
        today = timezone.localdate()
        section = find_whole_section(signed_in(request), section_id, on=today)
        wanted = _wanted(request, DateRangeSerializer)
        READS.allow(str(signed_in(request).pk))
        register = term_register(section, today=today, dates=wanted["dates"])
        parts = json_parts(register, Options(today=today), section_id=section.pk)
        return StreamingHttpResponse(
            parts, content_type="application/json", headers={"Cache-Control": "private, no-store"}
        )


class SectionRegisterFile(TeacherView):
    content_negotiation_class = AnyAccept
    type = FileType.CSV

    @extend_schema(
        parameters=[RegisterFileFilterSerializer],
        responses={(200, "*/*"): OpenApiTypes.BINARY, 409: CONFLICT},
    )
    def get(self, request: Request, section_id: int) -> StreamingHttpResponse:
        """The register of a section as a file.

        409 `too_many_pages`: a PDF file of it would take too long.
        """
        return _file(request, section_id, RegisterFileFilterSerializer, type=self.type)


class SectionRegisterData(SectionRegisterFile):
    type = FileType.JSON

    @extend_schema(parameters=[RegisterFileFilterSerializer], responses=RegisterDataSerializer)
    def get(self, request: Request, section_id: int) -> StreamingHttpResponse:
        """The register of a section as a JSON file, with the chosen columns only."""
        return super().get(request, section_id)


class SectionMarks(TeacherView):
    content_negotiation_class = AnyAccept

    @extend_schema(parameters=[MarksFilterSerializer], responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, section_id: int) -> StreamingHttpResponse:
        """The percentages of a section as a file that a learning platform imports."""
        return _file(request, section_id, MarksFilterSerializer)


class RegistersZip(TeacherView):
    content_negotiation_class = AnyAccept

    @extend_schema(
        parameters=[ZipFilterSerializer],
        responses={(200, "application/zip"): OpenApiTypes.BINARY, 409: CONFLICT},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """The registers of up to 50 sections, each as a file in one ZIP file.

        409 `too_many_pages`: PDF files of all of them would take too long.
        """
        at = timezone.now()
        wanted, today = _wanted(request, ZipFilterSerializer), timezone.localdate(at)
        sections = find_whole_sections(signed_in(request), wanted["section"], on=today)
        ZIPS.allow(str(signed_in(request).pk))
        type, options = FileType(wanted["type"]), _options(wanted, today)
        return download(zip_file(sections, type=type, options=options, dates=wanted["dates"], at=at))


def _wanted(request: Request, serializer: type[DateRangeSerializer]) -> dict[str, Any]:
    """What the request asks for, with its ``dates``."""
    wanted = serializer(data=request.query_params)
    wanted.is_valid(raise_exception=True)
    return {**wanted.validated_data, "dates": wanted.dates}


def _file(
    request: Request, section_id: int, serializer: type[DateRangeSerializer], *, type: FileType | None = None
) -> StreamingHttpResponse:
    """
    :param type: of the file; by default that of the platform that was asked for
    """
    at = timezone.now()
    today = timezone.localdate(at)
    section = find_whole_section(signed_in(request), section_id, on=today)
    wanted = _wanted(request, serializer)
    FILES.allow(str(signed_in(request).pk))
    type = type or FileType(wanted["platform"])
    register, options = read_register(
        section, type=type, options=_options(wanted, today), dates=wanted["dates"], at=at
    )
    return download(register_file(register, type=type, options=options))


def _options(wanted: dict[str, Any], today: datetime.date) -> Options:
    if "columns" not in wanted:  # a marks file
        return Options(today=today)
    size = PaperSize(wanted["size"])
    return Options(today=today, columns=wanted["columns"], with_bom=wanted["bom"], size=size)
