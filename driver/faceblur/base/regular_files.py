"""Files that are named by others: nothing else than a file is opened."""

from __future__ import annotations

import errno
import stat
from pathlib import Path


def check_regular(path: Path) -> None:
    """Refuse what would block its reader, as a FIFO, or never end, as a device. Raises OSError.

    A folder passes: to open it is an error that says so.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "no regular file", str(path))
