"""Tracks of sound and subtitles that a run copies, and that an output lacks, or has at another time: an edit's work."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from typing import Any

from faceblur.media.containers import FALLBACKS, MUXERS
from faceblur.media.copied_packets import cleaned
from faceblur.media.opening import open_input
from faceblur.media.pyav import READ_ERRORS, codec_of, describe
from faceblur.media.source_file import SourceFile
from faceblur.media.stream_copy import keeps
from faceblur.media.text_tracks import is_text_track, tracks_with_positions
from faceblur.media.time_span import SpanCut

log = logging.getLogger("faceblur")


def lost_tracks(source: SourceFile, output: SourceFile, *, keep_location: bool) -> list[tuple[int, str]]:
    """Those tracks, each by its index in the source and its description. `source` has the span that was written.

    Tracks are counted: codec and language decide which of several is lost.
    """
    lost = []
    for kind in ("audio", "subtitle"):
        present = [one for one in output.copied if one.type == kind]
        if len([one for one in source.copied if one.type == kind]) <= len(present):
            continue  # a track may have been encoded again
        needed = _needed(source, output, kind, keep_location)
        there, unmatched = Counter(map(_look, present)), list[Any]()
        for one in needed:
            if there[_look(one)] > 0:
                there[_look(one)] -= 1
            else:
                unmatched.append(one)
        lost += [(one.index, describe(one)) for one in unmatched[: max(0, len(needed) - len(present))]]
    return lost


def late_sound(source: SourceFile, output: SourceFile) -> list[tuple[int, str, float]]:
    """How much later the sound begins in the output than in the source, in seconds: by index and description.

    Tracks that were encoded again are left out: their encoder's own beginning comes before them.
    """
    there = defaultdict[tuple[str, str], list[Any]](list)
    for one in output.copied:
        if one.type == "audio":
            there[_look(one)].append(one)
    pairs = [(one, there[_look(one)].pop(0)) for one in source.copied if one.type == "audio" and there[_look(one)]]
    starts = _first_times(source, {one.index: one for one, _ in pairs}, keep_location=True)
    now = _first_times(output, {other.index: other for _, other in pairs}, keep_location=True)
    late = []
    for one, other in pairs:
        was, is_ = starts.get(one.index), now.get(other.index)
        if was is not None and is_ is not None:
            late.append((one.index, describe(one), is_ - was))
    return late


def _look(stream: Any) -> tuple[str, str]:
    return codec_of(stream), stream.metadata.get("language", "und")


def _needed(source: SourceFile, output: SourceFile, kind: str, keep_location: bool) -> list[Any]:
    """The tracks of this kind of which a run writes anything; all else it names, or there is nothing of it."""
    muxer = MUXERS.get(output.path.suffix.lower(), FALLBACKS[".mkv"])
    tracks = {one.index: one for one in source.copied if one.type == kind and keeps(muxer, one)}
    return [tracks[index] for index in sorted(_first_times(source, tracks, keep_location=keep_location))]


def _first_times(source: SourceFile, tracks: dict[int, Any], *, keep_location: bool) -> dict[int, float | None]:
    """The time in seconds of the first packet that a run writes of a track, None where it has none."""
    positions = set() if keep_location else tracks_with_positions(source.path, list(tracks.values()))
    waiting, first = tracks.keys() - positions, dict[int, float | None]()
    cut = None
    if source.span is not None:
        cut = SpanCut(source.span.moved(source.start), list(source.container.streams), list(source.videos))
    try:
        with open_input(source.path) as container:
            for packet in container.demux():
                index = packet.stream_index
                if not packet.size or index not in waiting:
                    continue
                is_text = is_text_track(tracks[index])
                clean = cleaned(packet, codec_of(tracks[index]), is_text=is_text, keep_location=keep_location)
                if clean is not None and (cut is None or list(cut.take(clean))):
                    first[index] = None if clean.pts is None else float(clean.pts * clean.time_base)
                    waiting = waiting - {index}
                if not waiting:
                    break
    except READ_ERRORS as error:
        log.debug("%s: %s", source.path, error)  # the pass that reads the complete file says so
    return first
