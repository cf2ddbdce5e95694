"""What an id may look like in an address; anything else is 404 before a view runs."""

from attendance.models.public_ids import GROUP_LETTER, LENGTH


class PublicIdConverter:
    """A session's or group session's id; capital and small letters are one."""

    regex = f"[0-9A-Za-z]{{{LENGTH}}}"

    def to_python(self, value: str) -> str:
        return value.upper()

    def to_url(self, value: str) -> str:
        return value


class SessionIdConverter(PublicIdConverter):
    """The id of a session, and of no group session."""

    regex = f"(?![{GROUP_LETTER}{GROUP_LETTER.lower()}]){PublicIdConverter.regex}"


class GroupIdConverter(PublicIdConverter):
    """The id of a group session."""

    regex = f"(?=[{GROUP_LETTER}{GROUP_LETTER.lower()}]){PublicIdConverter.regex}"


class ScannedTokenConverter:
    """Whatever a camera or a person made of a token; the page says what is wrong with it."""

    regex = "[^/]{1,64}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class StudentIdConverter:
    """A student id: institutions write slashes and blanks into them."""

    regex = r"[^\x00-\x1f]+?"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
