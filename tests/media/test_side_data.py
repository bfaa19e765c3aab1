"""Side data: what an output keeps is in it, and what it does not keep is named."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type
from PIL import Image as Pillow

from examples.sample_clip import Image, pan, write_clip
from faceblur.media.copied_packets import KEPT_SIDE_DATA
from faceblur.media.ebml import read_element
from faceblur.media.frames import DecodedFrame
from faceblur.media.pyav import UNLISTED, side_data_of
from faceblur.media.side_data import KEPT_BY, NAMES, NO_MEANING
from tests.support.awkward_kind import run_ffmpeg
from tests.support.boxes import CLAP, DVVC, ENTRY, box, with_boxes
from tests.support.copies import copy
from tests.support.images import PROFILE

# Apple's stereo video: both eyes are in it.
VEXU = box(b"vexu", box(b"eyes", box(b"stri", b"\3", full=True)))
# Closed captions as ATSC A/53 has them: one pair of bytes.
CAPTIONS = b"GA94\3" + bytes([0xC1, 0xFF, 0xFC, 0x94, 0x2C, 0xFF])
COUNTRY = b"\xb5\0\x31"  # USA, ATSC
START = b"\0\0\1"


def sei(kind: int, content: bytes) -> bytes:
    """A SEI message of H.264 as a unit of a byte stream; the content has no two zeros in a row."""
    return START + b"\6" + bytes([kind, len(content)]) + content + b"\x80"


def rewritten(source: Path, target: Path, change: Callable[[bytes], bytes]) -> Path:
    """A copy of a video whose packets are changed."""
    with av.open(str(source)) as one, av.open(str(target), "w") as two:
        stream = two.add_stream_from_template(one.streams.video[0], opaque=True)
        for packet in one.demux(video=0):
            if packet.size:
                changed: Any = av.Packet(change(bytes(packet)))
                changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
                changed.is_keyframe, changed.stream = packet.is_keyframe, stream
                two.mux(changed)
    return target


def types(path: Path) -> set[str]:
    with av.open(str(path)) as container:
        return {name for frame in container.decode(video=0) for name in side_data_of(frame)}


@pytest.fixture(scope="module")
def clip(face: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("side_data")
    return write_clip(folder / "clip.mp4", pan(face, (160, 120), 6), audio_codec=None)


def test_side_data_is_read_where_it_is_after_a_frame_was_made_writable(face: Image, tmp_path: Path) -> None:
    """FFmpeg copies the side data then, and frees the first."""
    path = write_clip(tmp_path / "turned.mp4", pan(face, (160, 120), 6), audio_codec=None, rotation=90)
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            decoded = DecodedFrame(0, number, frame)
            before, orientation = side_data_of(frame), decoded.orientation
            shared = frame.reformat(format="yuv420p") if number % 2 else frame
            frame.make_writable()
            noise = [bytes([number]) * 36 for _ in range(1000)]
            assert before and side_data_of(frame) == before and len(noise) == 1000 and shared
            assert decoded.orientation == orientation != 1


def test_every_type_of_ffmpeg_has_its_place() -> None:
    assert {*Type.__members__, *UNLISTED.values()} == NAMES.keys() | NO_MEANING.keys()
    assert not NAMES.keys() & NO_MEANING.keys() and KEPT_BY.keys() <= NAMES.keys()


@pytest.mark.parametrize(
    ("added", "path", "named"),
    [
        (CLAP, ENTRY, ["stream 0: clean aperture"]),
        (DVVC, ENTRY, ["stream 0: Dolby Vision's configuration"]),
        (VEXU, ENTRY, ["stream 0: stereo video"]),
        (box(b"abcd"), ENTRY, ["stream 0: abcd"]),
        (box(b"tapt"), ENTRY[:2], ["stream 0: track aperture"]),
        (box(b"udta", box(b"CAME") + box(b"XMP_")), (b"moov",), ["boxes of the file: CAME, XMP"]),
        (box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac")), (b"moov",), ["boxes of the file: XMP"]),
        (box(b"free"), (b"moov",), []),
    ],
)
def test_boxes_that_ffmpeg_does_not_hand_on(
    added: bytes, path: tuple[bytes, ...], named: list[str], clip: Path, tmp_path: Path
) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(with_boxes(clip.read_bytes(), path, added))
    assert copy(source, tmp_path / "out.mp4") == named


def test_boxes_and_bytes_after_the_last_one(clip: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(clip.read_bytes() + box(b"sefd", b"camera"))
    assert copy(source, tmp_path / "out.mp4") == ["boxes of the file: sefd"]
    source.write_bytes(clip.read_bytes() + bytes(7))
    assert copy(source, tmp_path / "out.mp4") == []


@pytest.mark.parametrize(
    ("trailer", "named"),
    [
        (bytes(777), []),
        (b"\xff" * 64, []),
        (bytes(4) + b"8db42d694ccc", ["16 bytes after its last box"]),
        (struct.pack(">I4s", 12, b"a\x1b[2") + bytes(4), ["boxes of the file: 611b5b32"]),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_padding_is_no_box(trailer: bytes, named: list[str], suffix: str, tmp_path: Path) -> None:
    source = tmp_path / f"padded{suffix}"
    run_ffmpeg("-f lavfi -i testsrc=s=64x48:r=25:d=1 -c:v libx264 -pix_fmt yuv420p {path}", path=source)
    source.write_bytes(source.read_bytes() + trailer)
    assert copy(source, tmp_path / "out" / source.name) == named


def test_closed_captions_are_kept_or_named(face: Image, tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.ts", pan(face, (160, 120), 6), audio_codec=None)
    source = rewritten(plain, tmp_path / "in.ts", lambda content: sei(4, COUNTRY + CAPTIONS) + content)
    assert "A53_CC" in types(source)
    assert copy(source, tmp_path / "out.ts") == [] and "A53_CC" in types(tmp_path / "out.ts")
    assert copy(source, tmp_path / "hevc.ts", encoder="libx265") == [] and "A53_CC" in types(tmp_path / "hevc.ts")
    lost = copy(source, tmp_path / "out.mkv", encoder="ffv1")
    assert lost[-1] == "stream 0 (video, h264): closed captions" and "A53_CC" not in types(tmp_path / "out.mkv")


def test_closed_captions_of_mpeg_2(face: Image, tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.ts", pan(face, (160, 120), 6), audio_codec=None, video_codec="mpeg2video")

    def with_captions(content: bytes) -> bytes:
        at = content.index(START + b"\1")  # the first slice of the picture
        return content[:at] + START + b"\xb2" + CAPTIONS + content[at:]

    source = rewritten(plain, tmp_path / "in.ts", with_captions)
    assert "A53_CC" in types(source)
    assert copy(source, tmp_path / "out.ts") == [] and "A53_CC" in types(tmp_path / "out.ts")


def test_user_data_of_h264_is_named_but_for_the_encoders_own(face: Image, tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.ts", pan(face, (160, 120), 6), audio_codec=None)
    assert "SEI_UNREGISTERED" in types(plain) and copy(plain, tmp_path / "again.ts") == []
    source = rewritten(plain, tmp_path / "in.ts", lambda content: sei(5, bytes(range(1, 17)) + b"47.3769") + content)
    named = "stream 0 (video, h264): user data, which may hold a location"
    assert copy(source, tmp_path / "out.ts") == [named]
    assert b"47.3769" in source.read_bytes() and b"47.3769" not in (tmp_path / "out.ts").read_bytes()


@pytest.mark.parametrize(("suffix", "kept"), [(".jpg", True), (".png", True)])
def test_exif_is_named_and_an_icc_profile_is_kept(suffix: str, kept: bool, face: Image, tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0110] = "a model"
    picture = Pillow.fromarray(np.ascontiguousarray(face[:128, :128, ::-1]))
    picture.save(tmp_path / f"one{suffix}", exif=exif, icc_profile=PROFILE)
    with av.open(str(tmp_path / f"one{suffix}")) as one, av.open(str(tmp_path / "in.mov"), "w") as two:
        stream = two.add_stream_from_template(one.streams.video[0], opaque=True)
        for packet in one.demux():
            if packet.size:
                packet.stream = stream
                two.mux(packet)
    assert {"EXIF", "ICC_PROFILE"} <= types(tmp_path / "in.mov")
    left_out = copy(tmp_path / "in.mov", tmp_path / "out.mov")
    assert [line.partition(": ")[2] for line in left_out] == ["EXIF"]
    assert types(tmp_path / "out.mov") == {"ICC_PROFILE"}


def with_elements(content: bytes, *, of_track: bytes = b"", of_video: bytes = b"") -> bytes:
    """A Matroska file with elements in its first track, in place of the track's name."""
    at = content.index(b"\x16\x54\xae\x6b", content.index(b"\x16\x54\xae\x6b") + 1)  # the first is in an index
    _, begin, _ = read_element(content, at)
    while (found := read_element(content, begin))[0] != 0xAE:
        begin = found[1] + (found[2] or 0)
    _, start, length = found
    assert length is not None
    parts, at = [], start
    while at < start + length:
        identity, body, size = read_element(content, at)
        assert size is not None
        if identity == 0xE0:
            inner = content[body : body + size] + of_video
            parts.append(b"\xe0" + struct.pack(">H", 0x4000 | len(inner)) + inner)
        elif identity != 0x536E:
            parts.append(content[at : body + size])
        at = body + size
    entry = b"".join(parts) + of_track
    room = length - len(entry)
    return (
        content[:start]
        + entry
        + b"\xec"
        + struct.pack(">H", 0x4000 | room - 3)
        + bytes(room - 3)
        + content[start + length :]
    )


def test_elements_of_matroska(clip: Path, tmp_path: Path) -> None:
    named, source = tmp_path / "named.mkv", tmp_path / "in.mkv"
    with av.open(str(clip)) as one, av.open(str(named), "w") as two:
        stream: Any = two.add_stream_from_template(one.streams.video[0], opaque=True)
        stream.metadata["title"] = "x" * 120
        for packet in one.demux():
            if packet.size:
                packet.stream = stream
                two.mux(packet)
    mapping = b"\x41\xe7\x84dvvC" + b"\x41\xed\x98" + DVVC[8:]
    source.write_bytes(with_elements(named.read_bytes(), of_track=b"\x41\xe4" + bytes([0x80 | len(mapping)]) + mapping))
    assert copy(source, tmp_path / "out.mkv") == ["stream 0: Dolby Vision's configuration"]
    source.write_bytes(with_elements(named.read_bytes(), of_video=b"\x54\xcc\x81\x08"))
    assert copy(source, tmp_path / "out.mkv") == ["stream 0: clean aperture"]
    projection = b"\x76\x71\x81\1"  # equirectangular
    source.write_bytes(with_elements(named.read_bytes(), of_video=b"\x76\x70" + bytes([0x84]) + projection))
    assert "SPHERICAL" in types(source)
    assert copy(source, tmp_path / "out.mkv") == ["stream 0 (video, h264): 360° projection"]


# Where the side data of FFmpeg's packets and streams is looked at.
PACKETS = {
    # FFmpeg hands it on to the frames.
    "frames": "display_matrix stereo_3d spherical mastering_display_metadata content_light_level a53_cc afd "
    "icc_profile s12m_timecode dynamic_hdr10_plus ambient_viewing_environment lcevc 3d_reference_displays replay_gain "
    "audio_service_type",
    "container_parts": "dovi_conf frame_cropping",
    "copied_packets": "palette new_extradata param_change skip_samples jp_dual_mono subtitle_position "
    "webvtt_identifier webvtt_settings mpegts_stream_id matroska_block_additional",
    # Of encoders, of other tracks and of players; tags; FFmpeg decrypts nothing; IAMF's are of frames of sound.
    "no meaning": "h263_mb_info quality_stats fallback_track cpb_properties strings_metadata metadata_update prft "
    "rtcp_sr encryption_init_info encryption_info iamf_mix_gain_param iamf_info_param iamf_recon_gain_info_param",
}


def test_every_type_of_packets_has_its_place() -> None:
    assert sorted(" ".join(PACKETS.values()).split()) == sorted(get_args(av.packet.PktSideDataT))
    assert {*PACKETS["copied_packets"].split()} == KEPT_SIDE_DATA | {"new_extradata", "matroska_block_additional"}


def test_the_documentation_names_them() -> None:
    text = Path(__file__).parents[2].joinpath("docs", "formats.md").read_text()
    rows = dict(re.findall(r"^\| ([^|`]+) \| ([^|]*) \|$", text.split("### Side data\n")[1], re.MULTILINE))
    kept = {NAMES[name] for name in (*KEPT_BY, "SPHERICAL")}
    assert {name: value != "no" for name, value in rows.items() if name in NAMES.values()} == {
        name: name in kept for name in NAMES.values()
    }
