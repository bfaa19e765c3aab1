"""Streams whose packets are copied into an output: audio, subtitles, data, attachments."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import av.error
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Discard

from faceblur.base.errors import MediaError
from faceblur.media.codec_headers import CodecHeader, needed_header
from faceblur.media.copied_packets import cleaned
from faceblur.media.damage import DamageLog
from faceblur.media.fonts import font_of
from faceblur.media.metadata import HARMLESS_DATA, dropped_tags, kept_tags
from faceblur.media.pyav import codec_of, describe, reason, seconds_of
from faceblur.media.stream_copy import add_copy, keeps
from faceblur.media.text_tracks import is_text_track


class CopiedStreams:
    """The copied streams of one output, which is written to `path` by FFmpeg's `muxer`.

    `positions` are the source's text tracks that hold positions. `dropped` are the packets that were not written
    because of what they hold.
    """

    def __init__(
        self,
        path: Path,
        container: OutputContainer,
        muxer: str,
        *,
        positions: set[int],
        keep_location: bool,
        damage: DamageLog,
    ) -> None:
        self._path, self._container, self._muxer = path, container, muxer
        self._positions, self._keep_location, self._damage = positions, keep_location, damage
        self._streams: dict[int, tuple[Any, str, bool]] = {}  # of the output, codec, is text; by the source's index
        self._dropped: Counter[str] = Counter()

    def add(self, source: Any, *, has_chapters: bool) -> list[str]:
        """Add a stream of the source to the output; returns what of it is left out.

        Raises MediaError for audio that the container does not take: no output may lack it.
        """
        if source.type == "attachment":
            return self._add_attachment(source)
        if source.index in self._positions or (source.type == "data" and not self._keep_location):
            if source.name in HARMLESS_DATA:
                return self._add(source)
            # Timecodes and chapters are tags, of which the muxer makes such a stream again.
            if "timecode" in source.metadata or (has_chapters and source.discard == Discard.all):
                return []
            return [f"{describe(source)}, which may hold a location: --keep-location copies it"]
        return self._add(source)

    def _add(self, source: Any) -> list[str]:
        if source.type in ("audio", "subtitle") and not keeps(self._muxer, source):
            return [self._not_kept(source)]
        try:
            header = _header_of(source)  # before the stream is added: it cannot be taken back
            stream = add_copy(self._container, source, self._muxer)
            if header is not None and header.content != source.codec_context.extradata:
                _set_header(stream, header)
        except (ValueError, av.error.FFmpegError):
            return [self._not_kept(source)]
        tags, dropped = kept_tags(source.metadata, keep_location=self._keep_location)
        stream.metadata.update(tags)
        stream.disposition = source.disposition
        if self._muxer == "mpegts" and source.id not in [one.id for one in self._container.streams]:
            stream.id = source.id  # two streams of a Blu-ray may share one
        self._streams[source.index] = stream, codec_of(source), is_text_track(source)
        return [*dropped_tags(dropped, describe(source)), *_dropped_of(header, source)]

    def _not_kept(self, source: Any) -> str:
        """What is reported of a stream that the container does not keep. Raises MediaError for audio."""
        if source.type == "audio" and source.codec_context is not None:
            if source.sample_rate:
                raise MediaError(
                    f"{self._path}: {describe(source)} cannot be copied into {self._muxer}: "
                    "convert the audio of the source first"
                )
            return f"{describe(source)}: announced, but nothing of it is in the file's beginning"
        return f"{describe(source)}: not copied into {self._muxer}"

    def _add_attachment(self, source: Any) -> list[str]:
        """Add a font; pictures are cover art, and everything else may hold anything."""
        font = font_of(source.data)
        if font is None:
            return [f"{describe(source)}, which is neither a font nor a picture"]
        if self._muxer != "matroska":
            return [f"{describe(source)}: not copied into {self._muxer}"]
        self._container.add_attachment(source.name or "attachment", source.mimetype or "", font)
        return []

    @property
    def dropped(self) -> list[str]:
        """What was left out of the streams because of what it holds, as lines of the report."""
        return [
            f"{stream}: {count} packets that hold a location or a picture" for stream, count in self._dropped.items()
        ]

    def write(self, packet: Packet[Any]) -> None:
        """Copy a packet; those of streams that are left out are ignored."""
        if packet.stream_index not in self._streams:
            return
        stream, codec, is_text = self._streams[packet.stream_index]
        seconds, kind = seconds_of(packet), packet.stream.type
        clean = cleaned(packet, codec, is_text=is_text, keep_location=self._keep_location)
        if clean is None:
            self._dropped[describe(packet.stream)] += 1
            return
        clean.stream = stream
        try:
            self._container.mux_one(clean)
        except (av.error.ArgumentError, av.error.InvalidDataError) as error:
            self._damage.record(f"a packet of {kind} that cannot be copied", reason(error), seconds)


def _header_of(source: Any) -> CodecHeader | None:
    """The codec's header, written anew from what is needed; None for none. Raises ValueError."""
    context = source.codec_context
    return needed_header(codec_of(source), context.extradata) if context is not None and context.extradata else None


def _set_header(stream: Any, header: CodecHeader) -> None:
    """Give a stream of the output this header. Raises ValueError for audio that PyAV has no codec of."""
    if stream.codec_context is None:
        raise ValueError("its header cannot be changed")
    stream.codec_context.extradata = header.content


def _dropped_of(header: CodecHeader | None, source: Any) -> list[str]:
    """The line that reports what a codec's header held besides; tags that FFmpeg reads there are kept as tags."""
    known = {name.upper() for tags in (source.metadata, source.container.metadata) for name in tags}
    dropped = {name for name in header.dropped if name not in known} if header is not None else None
    return [f"{describe(source)}: {', '.join(sorted(dropped))} in its codec's header"] if dropped else []
