"""Limits a codec's crash to its own video: a run is a child process, which is started again without that video.

FFmpeg is native code and reads files of any origin. When the child crashes, its journal has the files that it was
working on. A single one is given up; of several each is tried again alone.
"""

from __future__ import annotations

import base64
import ctypes
import logging
import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from faceblur.base.module_path import child_python_path

log = logging.getLogger("faceblur")
VARIABLE = "FACEBLUR_JOURNAL"  # the journal's path and the parent's process, for the child
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
# glibc keeps up to eight heaps a core, which many threads fragment: that was most of what grew over a long video. It
# also returns memory and requests it again for each frame, which takes as long as to fill it. OpenBLAS' and OpenCV's
# threads spin, waiting for work that the threads of the run have shared out already. pydantic would read what each
# installed package offers, in search of plugins.
ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "268435456",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
}
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Entry = Literal["begun", "ended", "crashed"]
KILL_SECONDS = 3.0  # from an interruption on
PR_SET_PDEATHSIG = 1  # of Linux' prctl


class Journal:
    """What a run and those before it that crashed were working on, and what became of each file.

    `ended` are their reports, `given_up` says why a file is not tried again, `suspects` are to be tried alone.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.ended: dict[Path, Any] = {}
        self.given_up: dict[Path, str] = {}
        self.suspects: set[Path] = set()
        # Claims of a fleet's worker, each with the signal that ended it while it worked on them.
        self.crashed_claims: list[tuple[Any, str]] = []
        self._claims: dict[Path, Any] = {}
        self._in_work: set[Path] = set()
        if path is not None and path.exists():
            for line in path.read_bytes().splitlines():
                if line and (entry := _entry(line)):
                    self._apply(*entry)

    @classmethod
    def of_this_run(cls) -> Journal:
        """The journal that the parent keeps, or one that is not kept."""
        variable = os.environ.get(VARIABLE)
        return cls(Path(variable.partition(":")[2]) if variable else None)

    def _apply(self, what: Entry, source: Path | None, details: Any) -> None:
        if what == "begun" and source is not None:
            self._in_work.add(source)
            self._claims[source] = details
        elif what == "ended" and source is not None:
            self._in_work.discard(source)
            if details is not None:
                self.ended[source] = details
        elif what == "crashed":
            claims = [self._claims[source] for source in self._in_work]
            self.crashed_claims += [(claim, details) for claim in claims if claim is not None]
            if len(self._in_work) == 1:
                reason = f"a codec died while it was read or written ({details}): the file may be damaged"
                reason += _limited()
                self.given_up[self._in_work.pop()] = reason
            self.suspects = (self.suspects | self._in_work) - set(self.given_up) - set(self.ended)
            self._in_work.clear()

    @property
    def in_work(self) -> frozenset[Path]:
        """The files that were begun and not ended."""
        return frozenset(self._in_work)

    def write(self, what: Entry, source: Path | None, details: Any = None) -> None:
        """Add an entry. Where that fails, as on a full disk, no more are added: a crash then ends the run."""
        if self._path is None:
            return
        try:
            with self._path.open("ab") as file:
                file.write(_line(what, source, details))
        except OSError as error:
            log.warning("%s: cannot be written (%s): a codec's crash would end the run", self._path, error.strerror)
            self._path = None

    @contextmanager
    def at_work(self, source: Path) -> Iterator[None]:
        """While a file is being read."""
        self.write("begun", source)
        try:
            yield
        finally:
            self.write("ended", source)

    def crashed(self, by: str) -> bool:
        """Record a crash. Returns whether the run should be started again."""
        self.write("crashed", None, by)
        after = Journal(self._path)
        if len(after.crashed_claims) > len(self.crashed_claims):
            return True  # the ledger counts how often each is tried
        return len(after.given_up) > len(self.given_up) or len(after.suspects) > len(self.suspects)


def _line(what: Entry, source: Path | None, details: Any) -> bytes:
    # A line's end comes first too: an entry that a crash has cut does not spoil the next.
    return b"\n" + base64.b64encode(pickle.dumps((what, source, details))) + b"\n"


def _entry(line: bytes) -> tuple[Entry, Path | None, Any] | None:
    try:
        what, source, details = pickle.loads(base64.b64decode(line, validate=True))
    except Exception:  # it was cut by a crash, which pickle reports in many ways
        return None
    return what, source, details


def start(command: Sequence[str]) -> int:
    """Run a command to its exit code, again and again while codecs crash it on one file after the other."""
    stopped: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def forward(number: int, frame: FrameType | None) -> None:
        stopped.append(number)
        if child is not None:
            child.send_signal(number)
            # It ends by itself, unless native code holds the interpreter.
            killing = threading.Timer(KILL_SECONDS, child.kill)
            killing.daemon = True
            killing.start()

    for number in STOPPING:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, forward)
    with tempfile.TemporaryDirectory(prefix="faceblur-") as folder:
        path = Path(folder, "journal")
        while True:
            before = Journal(path)
            # In a group of its own a Ctrl-C in the terminal reaches it by `forward` alone, once.
            own = {VARIABLE: f"{os.getpid()}:{path}", "PYTHONPATH": child_python_path(os.environ)}
            # It takes them once it has its handlers: amid the start of Python they would end in Python's traceback.
            taken, missed = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING), stopped[:1]
            try:
                child = subprocess.Popen(command, env=ENVIRONMENT | os.environ | own, process_group=0)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, taken)
            for early in missed:
                child.send_signal(early)
            code = child.wait()
            if -code in CRASHES and not stopped:
                name = signal.Signals(-code).name
                if before.crashed(name):
                    _say(f"a codec died ({name}): the run goes on without its video")
                    continue
                _say(f"error: the run crashed ({name}): a bug in faceblur{_limited()}")
            if code == -signal.SIGKILL:
                killed = "error: the run was killed (SIGKILL): the memory may have run out"
                _say("interrupted: what was not finished is removed by the next run" if stopped else killed)
            if code in (0, 1) and not stopped and (unfinished := Journal(path).in_work):  # OpenBLAS exits so
                for source in sorted(unfinished):
                    _say(f"error: {source}: a library ended the run at work on it: the memory may have run out")
                return 1
            return (128 + signal.SIGINT if stopped else 128 - code) if code < 0 else code


def _limited() -> str:
    """What else a crash may come from: native code that gets no memory may not notice."""
    is_limited = resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY
    return ", or the limit on memory too low" if is_limited else ""


def _say(line: str) -> None:
    with suppress(OSError):  # the terminal may be gone
        print(line, file=sys.stderr, flush=True)


def begin_child() -> None:
    """In the child, which has its handlers: take interruptions, and end when the parent is killed."""
    parent = int(os.environ[VARIABLE].partition(":")[0])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was killed before
            os._exit(1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
