"""The institution's own labels and reasons, as forms offer them and pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from attendance.models import AttendanceRecord, ExcuseReason, RecordChange, Status, StatusLabel


@dataclass(frozen=True)
class OwnLabels:
    """All labels and reasons by name, also those that can no longer be chosen: old registers show them."""

    labels: Sequence[StatusLabel]
    reasons: Sequence[ExcuseReason]

    @property
    def active_labels(self) -> list[StatusLabel]:
        return [label for label in self.labels if label.is_active]

    @property
    def active_reasons(self) -> list[ExcuseReason]:
        return [reason for reason in self.reasons if reason.is_active]

    @property
    def by_status(self) -> list[tuple[Status, list[StatusLabel]]]:
        """Each status with the labels of its kind that can be chosen."""
        return [(status, self.active_of(status)) for status in Status]

    def active_of(self, status: Status) -> list[StatusLabel]:
        return [label for label in self.active_labels if label.meaning == status]

    def named(self, name: str) -> StatusLabel | None:
        """The label with this name that can be chosen."""
        return next((label for label in self.active_labels if label.name == name), None)

    def coded(self, code: str) -> ExcuseReason | None:
        """The reason with this code that can be chosen."""
        return next((reason for reason in self.active_reasons if reason.code == code), None)


def own_labels() -> OwnLabels:
    """Two queries."""
    return OwnLabels(list(StatusLabel.objects.all()), list(ExcuseReason.objects.all()))


def is_used(label: StatusLabel) -> bool:
    """Whether a mark has the label or had it. Reads all records if none has: labels have no index."""
    changes = RecordChange.objects.filter(Q(from_label=label) | Q(to_label=label))
    return AttendanceRecord.objects.filter(label=label).exists() or changes.exists()
