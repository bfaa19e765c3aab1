"""A worker ends after the event at hand when the platform stops: no caller waits for it."""

from __future__ import annotations

import subprocess
import sys

TERMINATED = """
import logging, nuclio_sdk
from faceblur_function import main
platform, trigger = nuclio_sdk.Platform("kube"), nuclio_sdk.TriggerInfo("http", "http")
main.init_context(nuclio_sdk.Context(nuclio_sdk.Logger(logging.ERROR), platform, 0, trigger))
platform._on_signal("termination")  # as the wrapper calls it, after an event
raise AssertionError("it goes on")
"""


def test_the_process_ends_when_the_platform_terminates_it() -> None:
    done = subprocess.run([sys.executable, "-c", TERMINATED], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
