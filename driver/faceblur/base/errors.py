"""The errors that are reported, as one tree. Every message is one line and says what to do.

FaceblurError
├── UsageError (ValueError)             the call was wrong: exit code 2, nothing was started
├── MediaError (ValueError)             this file cannot be read or written; other files go on
│   ├── NoVideo                         it holds no video: audio, subtitles, data
│   └── FramesChange                    its frames change their size or format: it must be surveyed first
├── SidecarError (ValueError)           this sidecar cannot be read or written, or belongs to another video
│   └── OutsideFrame                    a box is beside its frame, which may be one that changes its size
├── LedgerError (RuntimeError)          the ledger of a fleet cannot be used
│   └── LedgerAway (ConnectionError)    its database does not answer now
└── FunctionError (RuntimeError)        the function gave no usable answer
    ├── Unavailable (ConnectionError)   no usable answer within the time to give up after
    ├── RequestRejected                 the function or a proxy refused the request for good
    ├── RequestTooLarge                 the platform takes no body of this size; a smaller batch may pass
    └── InvalidReply (ValueError)       a reply that does not belong to what was sent, or did not arrive complete
"""

from __future__ import annotations


class FaceblurError(Exception):
    """The root of all errors that are reported in one line, without a traceback."""


class UsageError(FaceblurError, ValueError):
    """The call was wrong."""


class MediaError(FaceblurError, ValueError):
    """A video or image file cannot be read or written."""


class NoVideo(MediaError):
    """A file that can be read holds no video."""


class FramesChange(MediaError):
    """The frames of a video change their form where that was not expected."""


class SidecarError(FaceblurError, ValueError):
    """A sidecar cannot be read or written, or does not fit its video."""


class LedgerError(FaceblurError, RuntimeError):
    """The ledger of a fleet cannot be used."""


class LedgerAway(LedgerError, ConnectionError):
    """The ledger's database does not answer now: it may in a moment."""


class OutsideFrame(SidecarError):
    """A face of a sidecar, or a region by hand, has no part in its frame."""


class FunctionError(FaceblurError, RuntimeError):
    """The function gave no usable answer."""


class Unavailable(FunctionError, ConnectionError):
    """No usable answer within the time to give up after."""


class RequestRejected(FunctionError):
    """Refused for good: sending it again cannot help."""


class RequestTooLarge(FunctionError):
    """The platform takes no body of this size."""


class InvalidReply(FunctionError, ValueError):
    """The reply fails a check: it is never used."""
