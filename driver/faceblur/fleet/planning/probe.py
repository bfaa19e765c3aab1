"""One file, looked into: its length and size, what of it an output will not keep, and whether it can be done at all."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from faceblur.base.errors import FaceblurError, MediaError, NoVideo
from faceblur.base.options import Options
from faceblur.fleet.planning.archive_facts import Probe
from faceblur.jobs.discovery import IMAGE_SUFFIXES, is_broken
from faceblur.jobs.failure import why_failed
from faceblur.jobs.video_suffixes import must_be_video
from faceblur.media.encoder_choice import check_encoder
from faceblur.media.integrity import find_fault
from faceblur.media.pyav import codec_of
from faceblur.media.reader import VideoReader
from faceblur.media.writer import VideoWriter

# The containers of which the structure says whether a file is complete without reading all of it.
QUICK = frozenset({"mp4", "matroska", "avi"})


def probe(path: Path, options: Options) -> Probe:
    """Look into a file. Raises nothing: what is wrong is a part of the answer."""
    size = 0
    try:
        size = path.stat().st_size
        return _probe(path, size, options)
    except Exception as error:  # whatever it is, the other files go on
        return Probe(str(path), size, fails=why_failed(path, error), is_video=is_broken(path, error))


def _probe(path: Path, size: int, options: Options) -> Probe:
    if path.suffix.lower() in IMAGE_SUFFIXES and not must_be_video(path):
        raise NoVideo(f"{path}: an image: `faceblur image` masks images")
    codec = check_encoder(options.encoder) if options.encoder else None
    with VideoReader(path, tolerate=options.tolerate_damage) as reader:
        main, name = reader.main_stream, reader.output_name(codec)
        notes = [] if reader.expected_frames else ["its header does not say how many frames it has"]
        if name != path.name:
            notes.append(f"it is written as *{name.removeprefix(path.stem)}")
        if QUICK & set(reader.formats) and (fault := find_fault(path, reader.container.format.name)):
            if not options.tolerate_damage:
                raise MediaError(f"{path}: {fault}; --tolerate-damage writes what can be read")
            notes.append(fault)
        with TemporaryDirectory(prefix="faceblur-") as folder:
            target = Path(folder, name[-100:])
            try:
                with VideoWriter(target, reader, options) as writer:
                    left_out = (*reader.left_out, *writer.left_out)
            except FaceblurError as error:
                raise MediaError(f"{path}: {str(error).removeprefix(f'{target}: ')}") from error
        return Probe(
            str(path),
            size,
            codec=codec_of(main),
            width=main.width,
            height=main.height,
            frames=reader.expected_frames or 0,
            seconds=reader.duration or 0.0,
            left_out=left_out,
            notes=tuple(notes),
        )
