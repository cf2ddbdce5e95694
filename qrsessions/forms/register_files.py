"""Which files of registers a teacher wants."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from attendance.exports.paper import PaperSize
from attendance.exports.registers.files import MAX_SECTIONS, FileType
from attendance.exports.registers.table import Column
from attendance.models import Section
from qrsessions.forms.date_range import DateRangeForm


class SectionsField(forms.ModelMultipleChoiceField[Section]):
    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, section: Section) -> str:
        return f"{section.course} · {section.name}"


class RegisterFilesForm(DateRangeForm):
    """Sent by GET; the answer is the file.

    :param sections: those that can be chosen
    """

    type = forms.TypedChoiceField(
        choices=FileType.choices,
        coerce=FileType,
        initial=FileType.XLSX,
        widget=forms.RadioSelect,
        label=_("File"),
    )
    columns = forms.TypedMultipleChoiceField(
        choices=Column.choices,
        coerce=Column,
        initial=Column.values,
        widget=forms.CheckboxSelectMultiple,
        label=_("Columns"),
        error_messages={"required": _("Choose at least one column.")},
    )
    size = forms.TypedChoiceField(
        choices=PaperSize.choices,
        coerce=PaperSize,
        required=False,
        empty_value=PaperSize.A4,
        initial=PaperSize.A4,
        label=_("PDF paper size"),
    )
    bom = forms.BooleanField(
        required=False, initial=True, label=_("Help Excel show all letters in CSV files (byte order mark)")
    )

    def __init__(self, *args: Any, sections: QuerySet[Section], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["sections"] = SectionsField(
            sections,
            label=_("Sections"),
            error_messages={
                "required": _("Choose at least one section."),
                "invalid_choice": _("One of the sections can’t be chosen. Reload the page."),
            },
        )

    def clean_sections(self) -> list[Section]:
        sections = list(self.cleaned_data["sections"])
        if len(sections) > MAX_SECTIONS:
            raise forms.ValidationError(
                _("Choose at most %(number)d sections."), params={"number": MAX_SECTIONS}
            )
        return sections
