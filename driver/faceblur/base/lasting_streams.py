"""Standard streams that may end before the command does: a closed pipe or terminal ends no work."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

# The reader of a pipe has what it wants (`| head`); a terminal is closed.
NOBODY_READS = (errno.EPIPE, errno.EIO)


class LastingStream:
    """A stream of text that takes what is written to it in any case. What cannot be written any more is dropped.

    `error` is why, None as long as all was written or nobody reads it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._end(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._end(error)

    def loss(self) -> str | None:
        """Flush it; what is to be reported of what could not be written, None: nothing."""
        self.flush()
        return None if self.error is None else f"what is printed could not be written: {self.error.strerror}"

    def _end(self, error: OSError) -> None:
        if error.errno not in NOBODY_READS:
            self.error = error
        # What is in its buffer would fail again, at the interpreter's end too.
        with suppress(OSError), open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def lasting_streams() -> Iterator[LastingStream]:
    """Have stdout and stderr last while the context is open. Gives stdout."""
    before = sys.stdout, sys.stderr
    out, err = LastingStream(sys.stdout), LastingStream(sys.stderr)
    sys.stdout, sys.stderr = out, err
    try:
        yield out
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before
