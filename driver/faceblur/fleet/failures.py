"""Which kind of error ended an attempt: that decides whether and when it is tried again, and whether here."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from faceblur.base.errors import FaceblurError, FunctionError
from faceblur.detection.local_function.worker_handle import NoWorkerLeft
from faceblur.ledger.states import ErrorKind

# A share that is away, a disk that is full: another time or on another machine the same file is done.
STORAGE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.EROFS, errno.ENOENT, errno.EACCES, errno.ENOTCONN}
    | {errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENODEV, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
    | {errno.EWOULDBLOCK}  # a worker of another ledger, or of a later copy of this one, writes the same output
)


def kind_of(error: BaseException) -> ErrorKind:
    """The kind of an error that a video's redaction raised."""
    if isinstance(error, FunctionError):
        return "function"
    if any(isinstance(one, MemoryError) or getattr(one, "errno", None) in STORAGE for one in _causes(error)):
        return "storage"
    return "file" if isinstance(error, FaceblurError) else "internal"


def ends_worker(error: BaseException) -> bool:
    """Whether this worker can redact no other video either: the function on its machine has no worker left."""
    return any(isinstance(one, NoWorkerLeft) for one in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
