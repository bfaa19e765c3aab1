"""`python -m driver`, and the entry point of `faceblur`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path

# The same program again, wherever it was started from.
AGAIN = "import sys; sys.path.insert(0, {root!r}); sys.argv[0] = 'faceblur'; from driver.__main__ import start; start()"


def start() -> None:
    """Run the command line; a Ctrl-C while its packages are still being loaded is no traceback either."""
    gc.disable()  # what is loaded here stays: to look through it for garbage takes a third of the time
    try:
        from driver import guard

        if guard.VARIABLE in os.environ:
            guard.die_with_parent()
        elif sys.argv[1:2] == ["run"]:
            code = AGAIN.format(root=str(Path(__file__).parent.parent))
            sys.exit(guard.start([sys.executable, "-P", "-c", code, *sys.argv[1:]]))
    except KeyboardInterrupt:
        sys.exit(130)
    # An exception amid the loading of a package may become another one there.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from driver.cli import main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.freeze()
    gc.enable()
    main()


if __name__ == "__main__":
    start()
