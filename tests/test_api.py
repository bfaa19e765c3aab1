"""The library: what `import faceblur` offers, and each of its functions on a small real file."""

from __future__ import annotations

import asyncio
import builtins
import inspect
import shutil
import subprocess
import sys
import types
from itertools import islice
from pathlib import Path
from typing import Any, get_args, get_type_hints

import cv2
import pytest
from click.testing import CliRunner

import faceblur
from examples.sample_clip import Image, pan, write_clip
from faceblur.base import errors
from faceblur.base.events import Event, FileEnded, FileStarted, FunctionConnected, RunEnded, RunPlanned
from faceblur.cli.app import main
from faceblur_function.detectors.detector import Detector
from tests.conftest import detail_left
from tests.support import clips as media
from tests.support.faces import BOX

FRAMES = 12
FUNCTIONS = ("audit", "blur", "blur_images", "evaluate", "read_sidecar", "render", "sidecar_path", "write_sidecar")


@pytest.fixture(scope="module")
def clip(face: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("in") / "face.mp4", islice(pan(face, (192, 144), 60), FRAMES))


@pytest.fixture(scope="module")
def blurred(clip: Path, function_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip's output, by the command line."""
    out = tmp_path_factory.mktemp("out")
    result = CliRunner().invoke(main, ["run", str(clip), "-o", str(out), "--function", function_url])
    assert result.exit_code == 0, result.output
    return out / clip.name


def both(output: Path) -> tuple[bytes, bytes]:
    """The bytes of an output and of its sidecar."""
    return output.read_bytes(), faceblur.sidecar_path(output).read_bytes()


def exposed(source: Path, output: Path, detector: Detector) -> list[int]:
    """The frames in which a face's detail is left."""
    pairs = zip(media.frames(source), media.frames(output), strict=True)
    return [
        number
        for number, (was, now) in enumerate(pairs)
        for x1, y1, x2, y2 in detector.detect([was], threshold=0.5)[0].xyxy.astype(int)
        if detail_left(was[y1:y2, x1:x2], now[y1:y2, x1:x2]) > 0.25
    ]


# What is offered.


def test_every_name_resolves_and_is_listed() -> None:
    for name in faceblur.__all__:
        assert getattr(faceblur, name) is not None, name
    assert list(faceblur.__all__) == sorted(set(faceblur.__all__)) and dir(faceblur) == sorted(faceblur.__all__)
    with pytest.raises(AttributeError, match="no attribute 'unblur'"):
        faceblur.unblur  # noqa: B018


def test_what_a_type_checker_sees_is_what_is_offered() -> None:
    tree = inspect.getsource(faceblur).split("if TYPE_CHECKING:")[1].split("__all__")[0]
    imported: dict[str, Any] = {}
    exec(inspect.cleandoc(tree), imported)
    del imported["__builtins__"]
    assert {*imported, "__version__"} == set(faceblur.__all__)
    assert all(getattr(faceblur, name) is value for name, value in imported.items())


def ours(annotation: Any) -> set[type]:
    """The classes of this project that an annotation names."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return {annotation} if annotation.__module__.startswith("faceblur") else set()
    nested = annotation if isinstance(annotation, list) else get_args(annotation)
    return {kind for one in nested for kind in ours(one)}


@pytest.mark.parametrize("name", [*FUNCTIONS, "Session"])
def test_every_type_in_a_signature_is_offered(name: str) -> None:
    offered = {getattr(faceblur, one) for one in faceblur.__all__}
    offered |= {value for value in vars(faceblur.events).values() if isinstance(value, type)}
    thing = getattr(faceblur, name)
    hints = get_type_hints(thing.__init__ if isinstance(thing, type) else thing)
    missing = {kind.__name__ for hint in hints.values() for kind in ours(hint) if kind not in offered}
    assert not missing


@pytest.mark.parametrize(
    ("name", "bases"),
    [
        ("FaceblurError", (Exception,)),
        ("UsageError", (errors.FaceblurError, ValueError)),
        ("MediaError", (errors.FaceblurError, ValueError)),
        ("NoVideo", (errors.MediaError,)),
        ("FramesChange", (errors.MediaError,)),
        ("SidecarError", (errors.FaceblurError, ValueError)),
        ("OutsideFrame", (errors.SidecarError,)),
        ("LedgerError", (errors.FaceblurError, RuntimeError)),
        ("LedgerAway", (errors.LedgerError, ConnectionError)),
        ("FunctionError", (errors.FaceblurError, RuntimeError)),
        ("Unavailable", (errors.FunctionError, ConnectionError)),
        ("RequestRejected", (errors.FunctionError,)),
        ("RequestTooLarge", (errors.FunctionError,)),
        ("InvalidReply", (errors.FunctionError, ValueError)),
    ],
)
def test_errors_are_the_documented_builtins_too(name: str, bases: tuple[type, ...]) -> None:
    error = getattr(faceblur, name)
    assert error.__bases__ == bases
    drawn = next(line for line in str(errors.__doc__).splitlines() if f" {name} " in f" {line} ")
    builtin = [one.__name__ for one in bases if hasattr(builtins, one.__name__) and one is not Exception]
    assert all(f"({one})" in drawn for one in builtin) and ("(" in drawn) == bool(builtin)


def test_all_errors_are_offered() -> None:
    kinds = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert kinds <= set(faceblur.__all__)


def test_importing_it_loads_nothing_heavy() -> None:
    code = "import sys, faceblur; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"av", "aiohttp", "cv2", "numpy", "pydantic", "click", "rich"}


# blur


def test_blur_writes_what_the_command_line_writes(
    clip: Path, blurred: Path, function_url: str, detector: Detector, tmp_path: Path
) -> None:
    events: list[Event] = []
    report = faceblur.blur(clip, tmp_path, function=[function_url], on_event=events.append)
    assert report.ok and report.failed == []
    (one,) = report.files.values()
    assert (one.source, one.target, one.state) == (clip, tmp_path / clip.name, "done")
    assert one.frames == one.masked == FRAMES <= one.faces and one.model == "retinaface-mobilenet0.25"
    assert both(tmp_path / clip.name) == both(blurred)
    assert exposed(clip, tmp_path / clip.name, detector) == []
    kinds = [type(event) for event in events]
    assert kinds[:3] == [RunPlanned, FunctionConnected, FileStarted]
    assert kinds[-2:] == [FileEnded, RunEnded] and report.lines


def test_blur_takes_options_and_skips_what_is_there(clip: Path, function_url: str, tmp_path: Path) -> None:
    options = faceblur.Options(style="solid", sidecar=False)
    endpoint = faceblur.Endpoint(urls=(function_url,))
    assert faceblur.blur([str(clip)], str(tmp_path), options=options, function=endpoint).ok
    assert [path.name for path in tmp_path.iterdir()] == [clip.name]
    report = faceblur.blur([clip], tmp_path, function="http://127.0.0.1:9")  # which is not needed
    assert report.ok and [one.state for one in report.files.values()] == ["skipped"]


def test_blur_reports_a_file_that_fails(clip: Path, function_url: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(clip.read_bytes()[:3000])
    report = faceblur.blur([clip, broken], tmp_path / "out", function=[function_url])
    assert not report.ok and report.files[clip].state == "done"
    (failed,) = report.failed
    assert failed.source == broken and "not a video that can be read" in failed.reason


@pytest.mark.parametrize("in_loop", [False, True])
def test_wrong_calls_and_missing_functions_are_raised(clip: Path, tmp_path: Path, in_loop: bool) -> None:
    def call(*arguments: Any, **more: Any) -> None:
        async def cell() -> None:
            faceblur.blur(*arguments, **more)

        asyncio.run(cell()) if in_loop else faceblur.blur(*arguments, **more)

    with pytest.raises(faceblur.UsageError, match="no such file or directory"):
        call(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(faceblur.UsageError, match="no HTTP address"):
        call(clip, tmp_path / "out", function=["localhost:8080"])
    with pytest.raises(faceblur.FunctionError, match="cannot connect"):
        call(clip, tmp_path / "out", function=["http://127.0.0.1:9"])
    assert not (tmp_path / "out").exists()


def test_blur_in_a_running_event_loop(clip: Path, blurred: Path, function_url: str, tmp_path: Path) -> None:
    async def cell() -> faceblur.Report:
        """As in a notebook."""
        return faceblur.blur(clip, tmp_path, function=[function_url])

    assert asyncio.run(cell()).ok
    assert both(tmp_path / clip.name) == both(blurred)


def test_blur_with_the_function_on_this_machine(clip: Path, blurred: Path, tmp_path: Path) -> None:
    assert faceblur.blur(clip, tmp_path, function=faceblur.Endpoint(workers=1)).ok
    assert (tmp_path / clip.name).read_bytes() == blurred.read_bytes()


def test_progress_of_a_run(clip: Path, function_url: str, tmp_path: Path) -> None:
    with faceblur.RunProgress() as progress:
        assert faceblur.blur(clip, tmp_path, function=[function_url], on_event=progress).ok


# The other functions


def test_render_writes_the_same_video_and_changes(clip: Path, blurred: Path, tmp_path: Path) -> None:
    sidecar = faceblur.sidecar_path(blurred)
    assert faceblur.render(str(clip), str(sidecar), str(tmp_path)).ok
    assert both(tmp_path / clip.name) == both(blurred)
    changes = faceblur.Changes(style="solid")
    solid = tmp_path / "solid.mp4"
    assert faceblur.render(clip, sidecar, solid, changes=changes).ok
    assert solid.read_bytes() != blurred.read_bytes()
    assert faceblur.read_sidecar(faceblur.sidecar_path(solid)).header.settings.style == "solid"
    report = faceblur.render(clip, sidecar, solid)
    assert [one.state for one in report.files.values()] == ["skipped"]


def test_edited_sidecar_is_rendered(clip: Path, blurred: Path, detector: Detector, tmp_path: Path) -> None:
    sidecar = faceblur.read_sidecar(str(faceblur.sidecar_path(str(blurred))))
    assert [line.frame for line in sidecar.frames] == list(range(FRAMES))
    cleared = [faceblur.FrameLine(frame=line.frame, pts=line.pts, faces=[]) for line in sidecar.frames]
    edited = tmp_path / "edited.jsonl"
    faceblur.write_sidecar(str(edited), faceblur.Sidecar(sidecar.header, (*cleared[:6], *sidecar.frames[6:])))
    assert faceblur.render(clip, edited, tmp_path / "out.mp4").ok
    assert exposed(clip, tmp_path / "out.mp4", detector) == list(range(6))


def test_audit_passes_a_good_output_and_not_a_clear_one(
    clip: Path, blurred: Path, function_url: str, tmp_path: Path
) -> None:
    report = faceblur.audit(clip, str(blurred), function=[function_url], write=False)
    assert report.passed and report.facts.source_frames == report.facts.output_frames == FRAMES
    assert sorted(path.name for path in blurred.parent.iterdir()) == [clip.name, f"{clip.name}.faces.jsonl"]
    clear = Path(shutil.copy(clip, tmp_path / "clear.mp4"))
    shutil.copy(faceblur.sidecar_path(blurred), faceblur.sidecar_path(clear))
    report = faceblur.audit(clip, clear, function=function_url)
    assert not report.passed and {one.kind for one in report.findings} == {"exposed"}
    assert {path.name for path in tmp_path.iterdir()} >= {"clear.mp4.audit.json", "clear.mp4.audit.html"}
    with pytest.raises(faceblur.UsageError, match=r"none\.jsonl: no such file"):
        faceblur.audit(clip, blurred, tmp_path / "none.jsonl", function=function_url)


def test_evaluate_measures_labelled_images(face: Image, function_url: str, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), face)
    x1, y1, x2, y2 = map(int, BOX)
    (tmp_path / "labels_bbx_gt.txt").write_text(f"a.png\n1\n{x1} {y1} {x2 - x1} {y2 - y1} 0 0 0 0 0 0\n")
    report = faceblur.evaluate(tmp_path, function=[function_url], min_recall=0.5)
    assert report.gate.passed and report.gate.recall == 1
    assert not faceblur.evaluate(
        tmp_path, function=[function_url], options=faceblur.Options(threshold=1), min_recall=0.5
    ).gate.passed


def test_blur_images(face: Image, function_url: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), face)
    report = faceblur.blur_images(tmp_path / "in", tmp_path / "out", function=[function_url])
    (one,) = report.files.values()
    assert report.ok and one.faces == 1 and one.target == tmp_path / "out" / "a.png"
    output = cv2.imread(str(tmp_path / "out" / "a.png"))
    assert output is not None
    x1, y1, x2, y2 = map(int, BOX)
    assert detail_left(face[y1:y2, x1:x2], output[y1:y2, x1:x2]) < 0.25
    changed = (output != face).any(axis=2)
    changed[max(0, y1 - 40) : y2 + 40, max(0, x1 - 40) : x2 + 40] = False
    assert not changed.any()
