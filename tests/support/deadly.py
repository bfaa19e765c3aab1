"""The driver as code for a child process, with a decoder that dies as a codec does, or that takes its time."""

from __future__ import annotations

import os
from pathlib import Path

# The driver, in which a decoder dies of the given signal at the tenth frame of files with `deadly` in their name.
DEADLY = """
import os, sys
import faceblur.media.reader as reader_module
decode = reader_module.VideoReader.__iter__
def deadly(reader):
    for count, item in enumerate(decode(reader)):
        if "deadly" in reader.path.name and count == 10:
            os.kill(os.getpid(), {signal})
        yield item
reader_module.VideoReader.__iter__ = deadly
from faceblur.cli import app, fleet
from faceblur.cli.group import main
main()
"""

# A decoder that takes a tenth of a second for each frame: it is amid a video of 300 on any machine.
SLOW_DECODER = """
import time
import faceblur.media.reader as reader_module
decode = reader_module.VideoReader.__iter__
def slow(reader):
    for item in decode(reader):
        time.sleep(0.1)
        yield item
reader_module.VideoReader.__iter__ = slow
"""
DRIVER = """
from faceblur.cli import app, fleet
from faceblur.cli.group import main
main()
"""
# The driver with that decoder.
SLOW = f"{SLOW_DECODER}{DRIVER}"

# A decoder that reads half of a video of 300 frames at once, so that some of the output is there soon. For each other
# frame it takes half a second, until the file of RELEASE is there: before it can be done, a test has a minute to act.
HELD_DECODER = """
import os, time
import faceblur.media.reader as reader_module
decode = reader_module.VideoReader.__iter__
def held(reader):
    for count, item in enumerate(decode(reader)):
        if count > 150 and not os.path.exists(os.environ.get("RELEASE", "")):
            time.sleep(0.5)
        yield item
reader_module.VideoReader.__iter__ = held
"""
HELD = f"{HELD_DECODER}{DRIVER}"

# Of a driver that takes half a second to open a file, and says so.
SLOW_SEARCH = """
import time
import faceblur.media.source_file as source_file
opens = source_file.open_input
def slow(path):
    print("opens", flush=True)
    time.sleep(0.5)
    return opens(path)
source_file.open_input = slow
"""

GUARDED = """
import sys
from faceblur.jobs import crash_guard as guard
sys.exit(guard.start([sys.executable, "-c", {code!r}, *sys.argv[1:]]))
"""

# Of an interrupted driver that ends in order, however busy the machine is.
PATIENT = """
from faceblur.cli import interruption
interruption.Interruption.__init__.__defaults__ = (60.0,)
"""


def guarded(changes: str) -> str:
    """The driver with its crash guard, as `python -m faceblur` starts it, with these changes, such as a decoder."""
    code = f"{changes}\nfrom faceblur.__main__ import start\nstart()\n"
    return GUARDED.format(code=code).replace("sys.exit", "guard.KILL_SECONDS = 90\nsys.exit")


def held_until(path: Path) -> dict[str, str]:
    """The environment for HELD, which goes on once there is a file."""
    return os.environ | {"RELEASE": str(path)}
