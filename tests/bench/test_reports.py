"""The study of the reports at its smallest size: everything that it reads is there."""

import pytest

from bench.studies.registers import reports

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_report_has_all_sections():
    reports.fill(sections=2, students=3, meetings=8)

    _page, _printed, one, every, at_risk, hours = [read() for _name, read in reports.reports()]

    assert [(report.figures.students, report.figures.held) for report in every] == [(3, 8), (3, 8)]
    assert one == every[:1]
    assert sum(report.figures.at_risk for report in every) == len(at_risk)
    assert sum(hour.classes for hour in hours) == 16
