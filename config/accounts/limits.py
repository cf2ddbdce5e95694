"""How often a password, an e-mail code or a mail may be tried. Right passwords use up no limit.

Nobody may lock a classmate out for long: failures count against the device that made them, and a device on which the
account has signed in before is not held up by what others do. Elsewhere, guessing at an account from many devices delays
its sign-in by password, a minute at a time; a code by e-mail still works. Nobody may lock a hall out: all 600 phones
behind one address sign in within minutes, and the address alone is never refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from attendance.lib.rate_limits import Limit
from config.accounts.devices import Device

# Failures at one account from one device. For a program the address stands in for the device.
SIGN_IN_DEVICE = Limit("sign-in-device", times=10, per_seconds=5 * 60)
# Failures at one account from all devices on which it has never signed in: guessing spread over many machines.
# A short window: whoever goes on guessing can delay a first sign-in by a minute, not by a quarter of an hour.
SIGN_IN_ACCOUNT = Limit("sign-in-account", times=20, per_seconds=60)
# Failures from one address at any account. After that somebody there tries many accounts, and each account has only
# the tries of the next limit there.
SIGN_IN_ADDRESS = Limit("sign-in-address", times=1000, per_seconds=5 * 60)
SIGN_IN_NOISY_ADDRESS = Limit("sign-in-noisy-address", times=5, per_seconds=15 * 60)
# Tries of one code from an e-mail.
MAILED_CODE = Limit("mailed-code", times=3, per_seconds=10 * 60)
# E-mails with a code or a link, to one recipient and from one address (a whole hall).
MAIL_TO_RECIPIENT = Limit("mail-recipient", times=4, per_seconds=10 * 60)
MAIL_FROM_ADDRESS = Limit("mail-address", times=1000, per_seconds=5 * 60)


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """A sign-in that may check its password. It counts as failed until it is uncounted."""

    counted: tuple[tuple[Limit, str], ...]

    def uncount(self) -> None:
        """The password was right, or was not checked."""
        for limit, by in self.counted:
            limit.give_back(by)


def count_sign_in(*, accounts: Sequence[str], address: str, device: Device | None = None) -> SignInAttempt:
    """Count one attempt to sign in with a password, before the password is checked.

    Counting first and uncounting after success keeps the limits exact under concurrency.

    :param accounts: the primary keys of the users whom the typed name or address means; if it means nobody, what was
        typed, so marked that it is no key
    :param address: the client's IP address
    :param device: the browser, None for a program
    :raises TooOften: if a limit is used up
    """
    counted: list[tuple[Limit, str]] = []

    def count(limit: Limit, by: str) -> None:
        limit.allow(by)
        counted.append((limit, by))

    for account in accounts:
        count(SIGN_IN_DEVICE, f"{account} on {device.id if device else address}")
    if device and device.knows(accounts):
        return SignInAttempt(tuple(counted))
    for account in accounts:
        count(SIGN_IN_ACCOUNT, account)
    is_noisy = SIGN_IN_ADDRESS.count(address) > SIGN_IN_ADDRESS.times
    counted.append((SIGN_IN_ADDRESS, address))
    if is_noisy:
        # Browsers apart from programs, which guess more easily.
        kind = "browsers" if device else "programs"
        for account in accounts:
            count(SIGN_IN_NOISY_ADDRESS, f"{account} by {kind} at {address}")
    return SignInAttempt(tuple(counted))


def count_mail(*, recipient: str, address: str, device: Device | None = None) -> None:
    """Count one mail to the recipient. A device on which the recipient has signed in has tries of its own.

    :raises TooOften: if a limit is used up
    """
    MAIL_TO_RECIPIENT.allow(f"{recipient} on {device.id}" if device else recipient)
    MAIL_FROM_ADDRESS.allow(address)
