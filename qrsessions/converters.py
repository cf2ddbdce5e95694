"""URL converters: what ids look like in a URL. Anything else is 404 before a view runs."""

from attendance.models.public_ids import GROUP_LETTER, LENGTH


class PublicIdConverter:
    """The id of a session or group session, in capital or small letters."""

    regex = f"[0-9A-Za-z]{{{LENGTH}}}"

    def to_python(self, value: str) -> str:
        return value.upper()

    def to_url(self, value: str) -> str:
        return value


class SessionIdConverter(PublicIdConverter):
    """The id of a session, not of a group session."""

    regex = f"(?![{GROUP_LETTER}{GROUP_LETTER.lower()}]){PublicIdConverter.regex}"


class GroupIdConverter(PublicIdConverter):
    """The id of a group session."""

    regex = f"(?=[{GROUP_LETTER}{GROUP_LETTER.lower()}]){PublicIdConverter.regex}"


class ScannedTokenConverter:
    """Any text that a camera or a person made of a token; the view says what is wrong with it."""

    regex = "[^/]{1,64}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class StudentIdConverter:
    """A student id. Some institutions use slashes and spaces in them."""

    regex = r"[^\x00-\x1f]+?"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
