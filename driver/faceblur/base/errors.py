"""What can go wrong, as one tree:

DriverError
├── UsageError            the call was wrong: exit code 2, nothing was started
├── VideoError            this file cannot be read or written; other videos go on
├── SidecarError          this sidecar cannot be read, written, or belongs to another video
└── FunctionError         the function did not do its part
    ├── Unavailable       no usable answer within the time to give up after
    ├── RequestRejected   the function or a proxy refused the request for good
    ├── RequestTooLarge   the platform takes no body of this size; a smaller batch may pass
    └── InvalidReply      an answer that does not belong to what was sent, or did not arrive whole

Every message is one line and says what to do.
"""

from __future__ import annotations


class DriverError(Exception):
    """The root of all errors that are reported in one line, without a traceback."""


class UsageError(DriverError):
    """The call was wrong."""


class VideoError(DriverError):
    """A file cannot be read or written."""


class SidecarError(DriverError):
    """A sidecar cannot be read or written, or does not fit its video."""


class FunctionError(DriverError):
    """The function did not do its part."""


class Unavailable(FunctionError):
    """No usable answer."""


class RequestRejected(FunctionError):
    """Refused for good: sending it again cannot help."""


class RequestTooLarge(FunctionError):
    """The platform takes no body of this size."""


class InvalidReply(FunctionError):
    """The answer fails a check: it is never used."""
