"""Streams whose packets are copied into an output: audio, subtitles, data, attachments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av.error
from av.container import OutputContainer
from av.packet import Packet

from faceblur.base.errors import MediaError
from faceblur.media.damage import DamageLog
from faceblur.media.metadata import HARMLESS_DATA, dropped_tags, kept_tags
from faceblur.media.pyav import describe, reason, seconds_of


class CopiedStreams:
    """The copied streams of one output, which is written to `path` by FFmpeg's `muxer`."""

    def __init__(
        self, path: Path, container: OutputContainer, muxer: str, *, keep_location: bool, damage: DamageLog
    ) -> None:
        self._path, self._container, self._muxer = path, container, muxer
        self._keep_location, self._damage = keep_location, damage
        self._streams: dict[int, Any] = {}  # of the output, by the source's index

    def add(self, source: Any, *, has_chapters: bool) -> list[str]:
        """Add a stream of the source to the output; returns what of it is left out.

        Raises MediaError for audio that the container does not take: no output may lack it.
        """
        if source.type == "attachment":
            return self._add_attachment(source)
        if source.type == "data" and not self._keep_location and source.name not in HARMLESS_DATA:
            # Timecodes and chapters are tags, of which the muxer makes such a stream again.
            if "timecode" in source.metadata or (has_chapters and source.name == "bin_data"):
                return []
            return [f"{describe(source)}, which may hold a location: --keep-location copies it"]
        try:
            stream: Any = self._container.add_stream_from_template(source, opaque=True)
        except (ValueError, av.error.FFmpegError) as error:
            if source.type != "audio":
                return [f"{describe(source)}: not copied into {self._muxer}"]
            raise MediaError(
                f"{self._path}: {describe(source)} cannot be copied into {self._muxer}: "
                "convert the audio of the source first"
            ) from error
        tags, dropped = kept_tags(source.metadata, keep_location=self._keep_location)
        stream.metadata.update(tags)
        stream.disposition = source.disposition
        if self._muxer == "mpegts":
            stream.id = source.id
        self._streams[source.index] = stream
        return dropped_tags(dropped, describe(source))

    def _add_attachment(self, source: Any) -> list[str]:
        if self._muxer != "matroska":
            return [f"{describe(source)}: not copied into {self._muxer}"]
        self._container.add_attachment(source.name or "attachment", source.mimetype or "", source.data)
        return []

    def write(self, packet: Packet[Any]) -> None:
        """Copy a packet; those of streams that are left out are ignored."""
        if packet.stream_index not in self._streams:
            return
        seconds, kind = seconds_of(packet), packet.stream.type
        packet.stream = self._streams[packet.stream_index]
        try:
            self._container.mux_one(packet)
        except (av.error.ArgumentError, av.error.InvalidDataError) as error:
            self._damage.record(f"a packet of {kind} that cannot be copied", reason(error), seconds)
