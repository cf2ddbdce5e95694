"""Whether a label has been used: then it keeps its meaning."""

from django.db.models import Q

from attendance.models import AttendanceRecord, RecordChange, StatusLabel


def is_used(label: StatusLabel) -> bool:
    """Whether a mark has the label or had it. Reads all records if none has: labels have no index."""
    changes = RecordChange.objects.filter(Q(from_label=label) | Q(to_label=label))
    return AttendanceRecord.objects.filter(label=label).exists() or changes.exists()
