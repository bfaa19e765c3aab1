"""`python -m faceblur`, and the entry point of `faceblur`."""

from __future__ import annotations

import gc
import os
import signal
import sys


def start() -> None:
    """Run the command line. A Ctrl-C while its packages are loaded ends the process without a traceback."""
    gc.disable()  # what is loaded here stays: collecting garbage in it would take a third of the time
    try:
        from faceblur.jobs import crash_guard

        if crash_guard.VARIABLE in os.environ:
            crash_guard.die_with_parent()
        elif sys.argv[1:2] == ["run"]:
            sys.exit(crash_guard.start([sys.executable, "-P", "-m", "faceblur", *sys.argv[1:]]))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    # An exception amid the loading of a package may become another one there.
    signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))
    from faceblur.cli.app import main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.freeze()
    gc.enable()
    main(prog_name="faceblur")


if __name__ == "__main__":
    start()
