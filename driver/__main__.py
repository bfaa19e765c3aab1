"""`python -m driver`, and the entry point of `faceblur`."""

from __future__ import annotations

import sys


def start() -> None:
    """Run the command line; a Ctrl-C while its packages are still being loaded is no traceback either."""
    try:
        from driver.cli import main
    except KeyboardInterrupt:
        sys.exit(130)
    main()


if __name__ == "__main__":
    start()
