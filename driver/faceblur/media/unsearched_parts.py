"""What an output carries that nobody searched for faces, and what tells where it was made: the audit reports both.

A run writes neither. An output of another program, or one that was changed afterwards, may have them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from av.stream import Discard

from faceblur.media.codec_headers import needed_header
from faceblur.media.completeness import hidden_frames
from faceblur.media.container_parts import container_parts
from faceblur.media.copied_packets import cleaned
from faceblur.media.first_frames import read_first_frames
from faceblur.media.fonts import font_of
from faceblur.media.hidden_files import picture_format
from faceblur.media.integrity import read_structure
from faceblur.media.metadata import HARMLESS_DATA, kept_chapters, kept_tags
from faceblur.media.opening import open_input
from faceblur.media.pyav import codec_of, describe
from faceblur.media.side_data import PROFILE_WITH_PICTURE, meaningful_types
from faceblur.media.text_tracks import is_text_track

PRIVATE_TYPES = {"EXIF": "EXIF", "SEI_UNREGISTERED": "user data of its codec"}


@dataclass(frozen=True, slots=True)
class UnsearchedPart:
    """A part of an output, of the stream with this index: a `location`, or what was not searched (`unsearched`)."""

    kind: Literal["location", "unsearched"]
    text: str
    stream: int = 0


def unsearched_parts(path: Path, *, keep_location: bool) -> list[UnsearchedPart]:
    """Look at an output where a run looks at its source: tags, attachments, headers of codecs, packets, boxes.

    With `keep_location` a location is no finding. Raises READ_ERRORS.
    """
    with open_input(path) as container:
        parts = list(_of_tags("the file", container.metadata))
        chapters = container.chapters()
        parts += [_location(f"tags of chapters: {name}") for name in kept_chapters(chapters, keep_location=False)[1]]
        streams: Any = container.streams
        for stream in streams:
            parts += _of_stream(path, stream, has_chapters=bool(chapters))
        parts += _of_packets(path, container)
        for line in container_parts(path, container.format.name.split(",")):
            # What is in a track describes its pictures: a lost clean aperture is no leak.
            parts += [] if line.startswith("stream ") else [UnsearchedPart("unsearched", line)]
    return [one for one in parts if not (keep_location and one.kind == "location")]


def _location(text: str, stream: int = 0) -> UnsearchedPart:
    return UnsearchedPart("location", text, stream)


def _of_tags(owner: str, tags: Any, stream: int = 0) -> Iterator[UnsearchedPart]:
    for name in kept_tags(tags, keep_location=False)[1]:
        yield _location(f"the tag {name} of {owner}", stream)


def _of_stream(path: Path, stream: Any, *, has_chapters: bool) -> Iterator[UnsearchedPart]:
    index, name = stream.index, describe(stream)
    if stream.type == "attachment":
        if font_of(stream.data) != stream.data and picture_format(stream.data) is None:
            yield UnsearchedPart("unsearched", f"{name}, which is neither a font nor a picture", index)
        return
    yield from _of_tags(name, stream.metadata, index)
    if stream.type == "data":
        is_written_anew = "timecode" in stream.metadata or (has_chapters and stream.discard == Discard.all)
        if stream.name not in HARMLESS_DATA and not is_written_anew:
            yield _location(f"{name}, which may hold one", index)
    elif stream.type == "video" and stream.codec_context is not None:
        for frame in read_first_frames(path, stream, 1)[:1]:
            found = set(meaningful_types(frame, is_first=True))
            for kind in PRIVATE_TYPES.keys() & found:
                yield _location(f"{PRIVATE_TYPES[kind]} in {name}", index)
            if PROFILE_WITH_PICTURE in found:
                yield UnsearchedPart("unsearched", f"a picture in the colour profile of {name}", index)
    elif stream.codec_context is not None and stream.codec_context.extradata:
        try:
            dropped = needed_header(codec_of(stream), stream.codec_context.extradata).dropped
        except ValueError as error:
            dropped = (str(error),)
        if more := [one for one in dropped if one not in {tag.upper() for tag in stream.metadata}]:
            yield UnsearchedPart("unsearched", f"the codec's header of {name}: {', '.join(more)}", index)


def _of_packets(path: Path, container: Any) -> Iterator[UnsearchedPart]:
    """Packets of sound and subtitles that a run would not have copied as they are, and frames that no player shows."""
    outside = {one.index: 0 for one in container.streams if one.type == "video"}
    tracks = {one.index: one for one in container.streams if one.type in ("audio", "subtitle")}
    codecs = {index: (codec_of(one), is_text_track(one)) for index, one in tracks.items()}
    unsearched, positions = Counter[int](), Counter[int]()
    for packet in container.demux():
        index = packet.stream_index
        if packet.size and index in outside:
            outside[index] += packet.is_discard
        if not packet.size or index not in tracks:
            continue
        codec, is_text = codecs[index]
        is_changed = cleaned(packet, codec, is_text=False, keep_location=True) is not packet
        if is_changed:
            unsearched[index] += 1
        elif is_text and cleaned(packet, codec, is_text=True, keep_location=False) is None:
            positions[index] += 1
    for index, count in unsearched.items():
        text = f"{count} packets of {describe(tracks[index])} hold more than sound or text"
        yield UnsearchedPart("unsearched", text, index)
    for index, count in positions.items():
        yield _location(f"{count} packets of {describe(tracks[index])} hold a position", index)
    structure = read_structure(path, container.format.name)
    for index, text in hidden_frames(structure, list(container.streams), outside).items():
        yield UnsearchedPart("unsearched", text, index)
