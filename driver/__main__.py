"""`python -m driver`, and the entry point of `faceblur`."""

from __future__ import annotations

import gc
import sys


def start() -> None:
    """Run the command line; a Ctrl-C while its packages are still being loaded is no traceback either."""
    gc.disable()  # what is loaded here stays: to look through it for garbage takes a third of the time
    try:
        from driver.cli import main
    except KeyboardInterrupt:
        sys.exit(130)
    gc.freeze()
    gc.enable()
    main()


if __name__ == "__main__":
    start()
