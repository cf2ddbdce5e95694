"""The check of the mail settings."""

import pytest

from config.accounts.checks import check_mail


@pytest.mark.parametrize(
    ("embedded", "sends_mail", "ids"),
    [(False, False, ["rollcall.W002"]), (False, True, []), (True, False, [])],
)
def test_deployment_without_a_mail_server_is_warned_of(settings, embedded, sends_mail, ids):
    settings.EMBEDDED, settings.SENDS_MAIL = embedded, sends_mail

    assert [warning.id for warning in check_mail(None)] == ids
