"""The short form of the chaos run: every fault in the middle of a burst of marks, with real processes."""

import pytest

from tests.chaos.faults import FAULTS


@pytest.mark.parametrize("fault", [fault.name for fault in FAULTS])
def test_fault_loses_no_mark_and_leaves_no_count_wrong(fault, verdicts, record_property):
    verdict = verdicts[fault]
    record_property("verdict", verdict.as_json())

    assert verdict.problems == []
    assert verdict.lost == 0
    assert verdict.acknowledged > 0
