"""Checking the constraints of the database."""

import pytest
from django.db import IntegrityError, models, transaction


def refused_by(constraint: str, *rows: models.Model) -> bool:
    """Whether the database refuses these rows because of this constraint, and keeps none of them.

    The rows are written without Django's validation.
    """
    manager = type(rows[0])._default_manager
    before = manager.count()
    with pytest.raises(IntegrityError, match=f'"{constraint}"'), transaction.atomic():
        manager.bulk_create(rows)
    return manager.count() == before
