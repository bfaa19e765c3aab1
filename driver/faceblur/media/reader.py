"""Reads a video from its beginning to its end: decoded frames, and the packets to copy, in the order of the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from functools import cached_property
from typing import Any

from av.packet import Packet

from faceblur.base.errors import MediaError
from faceblur.media.completeness import check_complete
from faceblur.media.cover_art import decode_cover_art
from faceblur.media.damage import check_marks, is_audio_in_order
from faceblur.media.form_rules import FormRule, SameForm
from faceblur.media.frames import DecodedFrame
from faceblur.media.integrity import read_structure
from faceblur.media.joins import Joins
from faceblur.media.pyav import READ_ERRORS, describe, has_late_streams, in_seconds, reason
from faceblur.media.source_file import SourceFile
from faceblur.media.stream_decoder import StreamDecoder
from faceblur.media.time_span import SpanCut

MAX_FAILURES = 100  # reads in a row that fail: the rest of the file is given up


class VideoReader(SourceFile):
    """Iterates a video once: the frames of its video streams and the packets of the streams to copy, as they come.

    Frames are numbered by stream, from 0. With `tolerate` what is damaged is skipped and recorded in `damage`. Raises
    MediaError, which names the file, on opening and while iterating; FramesChange where frames change their form and
    there is no canvas. With a `span` it gives only that, as a video of its own that begins at 0.
    """

    def __iter__(self) -> Iterator[DecodedFrame | Packet[Any]]:
        if self.span is None:
            yield from self._items(None)
            return
        cut = SpanCut(self.span.moved(self.start), list(self.container.streams), list(self.videos))
        for item in self._items(cut):
            yield from cut.take(item)
        yield from cut.rest()

    def _items(self, cut: SpanCut | None) -> Iterator[DecodedFrame | Packet[Any]]:
        """What is read of the file: all of it, or what is needed for a span."""
        name = self.container.format.name
        decoders = {
            index: StreamDecoder(stream, name, self.damage, self._form_rule(index))
            for index, stream in self.videos.items()
        }
        copied = {stream.index for stream in self.copied}
        audio_times: dict[int, int] = {}
        read: Counter[int] = Counter()
        # Every stream is read, copied or not: the header's length is that of the longest.
        joins = Joins(self.formats)
        is_complete = True
        for packet in joins.joined(self._packets()):
            if cut is not None and cut.is_over(packet):
                is_complete = False
                break
            index = packet.stream.index  # an empty packet has no stream_index of its own
            self._follow(packet)
            read[index] += bool(packet.size)
            if index in copied and packet.size and self._is_in_order(packet, audio_times):
                yield packet
            if index in decoders:
                yield from decoders[index].decode(packet)
        self.left_out += joins.notes
        for decoder in decoders.values():
            self.left_out += decoder.notes
        if has_late_streams(self.container):
            self.left_out.append("streams that begin later than FFmpeg looks for them")
        if decoders[self.main_stream.index].count.packets == 0:
            raise MediaError(f"{self.path}: its video stream holds no frame")
        if not is_complete:
            return
        counts = {index: decoder.count for index, decoder in decoders.items()}
        structure, streams = read_structure(self.path, name), list(self.container.streams)
        end = None if joins.notes else self.end
        self.left_out += check_complete(self.damage, structure, counts, streams, read, self.formats, end)

    def cover_art_frames(self) -> list[DecodedFrame]:
        """The images of `cover_art`, in the format that they are redacted in; other streams move to `left_out`."""
        frames = []
        for index, stream in list(self.cover_art.items()):
            frame = decode_cover_art(self.path, stream)
            if frame is None:
                del self.cover_art[index]
                self.left_out.append(f"{describe(stream)}, cover art")
            else:
                frames.append(frame)
        return frames

    def leave_out_cover_art(self, why: str) -> None:
        """Move all of `cover_art` to `left_out`."""
        self.left_out += [f"{describe(stream)}, cover art: {why}" for stream in self.cover_art.values()]
        self.cover_art.clear()

    def _form_rule(self, index: int) -> FormRule:
        """What becomes of a stream's frames whose form changes."""
        return self.canvases.get(index) or SameForm(self.path, self._sizes_wh[index])

    def _packets(self) -> Iterator[Any]:
        """Every packet of the file, and an empty one for each stream at its end; damaged parts are skipped."""
        failures, ended = 0, set[int]()
        while True:
            try:
                for packet in self.container.demux():
                    yield packet
                    failures = 0
                    if not packet.size and packet.dts is None:
                        ended.add(packet.stream.index)
                return
            except IndexError:  # PyAV's, at the end of a file with streams that it does not list
                yield from self._ends(ended)
                return
            except MemoryError:
                # A damaged length asks for any amount of memory: the fault is recorded at the end.
                if not read_structure(self.path, self.container.format.name).fault:
                    raise
                failures = MAX_FAILURES + 1
            except READ_ERRORS as error:
                self.damage.record("damaged", reason(error))
                failures += 1
            if failures > MAX_FAILURES:
                yield from self._ends(ended)
                return

    def _ends(self, ended: Collection[int]) -> Iterator[Any]:
        """An empty packet for each other video stream, which has its decoder give the last frames."""
        for stream in (one for index, one in self.videos.items() if index not in ended):
            end: Any = Packet()
            end.stream = stream
            yield end

    def _follow(self, packet: Any) -> None:
        """Record how far reading has come, and what the container marks as damaged."""
        if packet.size and packet.pts is not None:
            end = in_seconds(packet.pts + (packet.duration or 0), packet.time_base)
            self.damage.seconds = max(self.damage.seconds, end)
        if packet.is_corrupt and self._marks_are_false:
            packet.is_corrupt = False
        check_marks(packet, self.damage)

    @cached_property
    def _marks_are_false(self) -> bool:
        """Whether FFmpeg marks packets of a sound MPEG-TS: their numbers begin anew where files were joined.

        FFmpeg has no other reason to mark a packet there than what the walk along the structure checks too.
        """
        return "mpegts" in self.formats and read_structure(self.path, "mpegts").fault is None

    def _is_in_order(self, packet: Any, audio_times: dict[int, int]) -> bool:
        """Whether a copied packet may be written: audio only in the order of its times."""
        stream = packet.stream
        # The times of audio that FFmpeg knows nothing of are not known either: it is left out.
        if stream.type != "audio" or (stream.codec_context is not None and not stream.sample_rate):
            return True
        if not is_audio_in_order(packet, audio_times.get(packet.stream.index), self.damage):
            return False
        audio_times[packet.stream.index] = packet.dts
        return True
