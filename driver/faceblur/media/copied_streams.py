"""Streams whose packets are copied into an output: audio, subtitles, data, attachments."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import av.error
from av.container import OutputContainer
from av.format import Flags
from av.packet import Packet
from av.stream import Discard

from faceblur.base.counted import counted
from faceblur.base.errors import MediaError
from faceblur.media.codec_headers import CodecHeader, needed_header
from faceblur.media.copied_packets import cleaned
from faceblur.media.damage import DamageLog
from faceblur.media.fonts import font_of
from faceblur.media.metadata import HARMLESS_DATA, dropped_tags, kept_tags
from faceblur.media.pyav import codec_of, describe, reason, seconds_of
from faceblur.media.stream_copy import add_copy, keeps
from faceblur.media.text_tracks import is_text_track

MAX_LAG_SECONDS = 1  # that audio may be put later as a whole; what is later still follows tick by tick


class CopiedStreams:
    """The copied streams of one output, which is written to `path` by FFmpeg's `muxer`.

    `positions` are the source's text tracks that hold positions. `notes` say which packets were
    not written because of what they hold, and which were put later.
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
        self._moved: Counter[str] = Counter()
        flags: Any = container.format.flags
        self._needs_later_times = not flags & Flags.ts_nonstrict.value
        self._last: dict[int, tuple[int, int]] = {}  # when each audio stream's last packet begins and ends

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
        if not keeps(self._muxer, source):
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
    def notes(self) -> list[str]:
        """What was left out of the streams because of what it holds, and what was put later, as lines."""
        dropped, moved = (
            [f"{stream}: {counted(count, 'packet')} {what}" for stream, count in packets.items()]
            for packets, what in (
                (self._dropped, "with a location or a picture"),
                (self._moved, "with the time of the one before, put after it"),
            )
        )
        return dropped + moved

    def _put_later(self, source: Any, packet: Any) -> None:
        """Give an audio packet with the time of the one before it the time at which that ends."""
        written, end = self._last.get(source.index, (packet.dts - 1, 0))
        if packet.dts <= written:
            lag = max(end, written + 1) - packet.dts
            later = lag if lag * packet.time_base <= MAX_LAG_SECONDS else written + 1 - packet.dts
            packet.dts += later
            packet.pts = None if packet.pts is None else packet.pts + later
            self._moved[describe(source)] += 1
        self._last[source.index] = packet.dts, packet.dts + (packet.duration or 0)

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
        if kind == "audio" and clean.dts is not None and self._needs_later_times:
            self._put_later(packet.stream, clean)
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
