"""The driver as code for a child process, with a decoder that dies as a codec does, or that takes its time."""

from __future__ import annotations

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
# The driver with that decoder.
SLOW = f"""{SLOW_DECODER}
from faceblur.cli import app, fleet
from faceblur.cli.group import main
main()
"""

GUARDED = """
import sys
from faceblur.jobs import crash_guard as guard
sys.exit(guard.start([sys.executable, "-c", {code!r}, *sys.argv[1:]]))
"""
