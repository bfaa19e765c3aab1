"""Memory that is not enough says nothing about a file: it is no damage, and never passed over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import av.error
import pytest

from faceblur.media.form_rules import SameForm
from faceblur.media.opening import open_input
from faceblur.media.pyav import READ_ERRORS, WRITE_ERRORS
from faceblur.media.reader import VideoReader
from faceblur.media.stream_decoder import StreamDecoder


def no_memory(*arguments: Any, **named: Any) -> Any:
    raise av.error.MemoryError(12, "Cannot allocate memory")


@pytest.mark.parametrize("tolerate", [False, True])
@pytest.mark.parametrize(
    "place", ["faceblur.media.source_file.open_input", "faceblur.media.stream_decoder.StreamDecoder.decode"]
)
def test_it_is_raised_as_what_it_is(
    face_clip: Path, monkeypatch: pytest.MonkeyPatch, place: str, tolerate: bool
) -> None:
    monkeypatch.setattr(place, no_memory)
    with pytest.raises(MemoryError):
        for _ in VideoReader(face_clip, tolerate=tolerate):
            pass


def no_thread(*arguments: Any, **named: Any) -> Any:
    raise av.error.BlockingIOError(11, "Resource temporarily unavailable")


@pytest.mark.parametrize("fail", [no_memory, no_thread])
def test_a_decoder_passes_it_on(face_clip: Path, monkeypatch: pytest.MonkeyPatch, fail: Callable[..., Any]) -> None:
    class Decoder:
        decode = staticmethod(fail)

    monkeypatch.setattr("faceblur.media.stream_decoder.decoder_of", lambda _, *, in_step: Decoder())
    reader = VideoReader(face_clip, tolerate=True)
    decoder = StreamDecoder(reader.main_stream, "mp4", reader.damage, SameForm(face_clip, (0, 0)))
    packet = next(iter(reader.container.demux(reader.main_stream)))
    with reader, pytest.raises(MemoryError):
        list(decoder.decode(packet))
    assert reader.damage.summary() == []


def test_every_other_error_of_ffmpeg_is_one_of_reading_and_writing() -> None:
    for kind in av.error.FFmpegError.__subclasses__():
        is_memory = issubclass(kind, MemoryError)
        assert issubclass(kind, READ_ERRORS) is not is_memory and issubclass(kind, WRITE_ERRORS) is not is_memory


def test_a_file_that_is_opened_is_closed_again(face_clip: Path) -> None:
    with open_input(face_clip) as container:
        assert container.streams.video
