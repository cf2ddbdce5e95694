"""Files as answers of views, and how often a user may ask for them."""

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from attendance.exports.registers.files import RegisterFile
from attendance.lib.rate_limits import Limit

# A large register takes seconds of a processor.
FILES = Limit("register-files", times=60, per_seconds=600)
# As JSON, which programs read again and again.
READS = Limit("register-reads", times=600, per_seconds=600)
ZIPS = Limit("register-zips", times=10, per_seconds=600)


def download(file: RegisterFile) -> StreamingHttpResponse:
    """The file as an attachment that no cache keeps.

    The web server reads all of it before it sends the first byte (``config/serving/http.py``). So a slow reader holds the
    file's bytes, and neither a thread nor a database connection.
    """
    disposition = content_disposition_header(as_attachment=True, filename=file.name)
    headers = {"Content-Disposition": disposition or "", "Cache-Control": "private, no-store"}
    return StreamingHttpResponse(file.parts, content_type=file.content_type, headers=headers)
