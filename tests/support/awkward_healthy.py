"""Files of every awkward kind of which nothing may be lost."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from tests.support.awkward_kind import X264, Kind, ffmpeg, filmed, run_ffmpeg

X265 = "-c:v libx265 -preset ultrafast -crf 20 -x265-params log-level=error:pools=1"
HDR10 = (
    ":colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:hdr10=1:max-cll=1000,400"
    ":master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
)
MPEG2_FIELDS = "-c:v mpeg2video -q:v 3 -pix_fmt yuv420p -flags +ilme+ildct -threads 1"
VP9 = "-c:v libvpx-vp9 -cpu-used 8 -deadline realtime -crf 20 -b:v 0 -auto-alt-ref 0 -c:a libopus"
# Transparent on its left, opaque on its right.
# Transparent on its left, opaque on its right.
ALPHA = """-vf "format=yuva444p,geq=lum='lum(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)':a='X*255/W'" """


def trimmed(material: Path, target: Path) -> None:
    """Cut out of a longer video without encoding it again, as phones do: an edit list hides what is not wanted."""
    long = target.with_suffix(".long.mp4")
    run_ffmpeg(
        f"-stream_loop 2 -i {{face}} {X264} -g 10 -bf 2 -c:a aac {{long}}", face=material / "face.mkv", long=long
    )
    run_ffmpeg("-ss 0.6 -i {long} -t 0.48 -c copy {target}", long=long, target=target)
    long.unlink()


VFR_PTS = np.cumsum([0, 3000, 3003, 9000, 1500, 3000, 15000, 3000, 2997, 3000, 6000, 900]).tolist()

HEALTHY = (
    # Time.
    Kind(
        "variable_rate.mp4",
        "variable frame rate",
        filmed(pts=VFR_PTS, time_base=Fraction(1, 90000), rate=Fraction(30)),
    ),
    Kind("variable_rate.mkv", "variable frame rate", filmed(pts=VFR_PTS, time_base=Fraction(1, 90000))),
    Kind("rate_23.976.mp4", "24000/1001 frames a second", ffmpeg(f"{X264} -c:a aac", "-r 24000/1001 -i {face}")),
    Kind("rate_29.97.mkv", "30000/1001 frames a second", ffmpeg(f"{X264} -c:a aac", "-r 30000/1001 -i {face}")),
    Kind("late_start.mkv", "first timestamp at 5 s", ffmpeg(f"{X264} -c:a aac -output_ts_offset 5")),
    Kind("edit_list.mp4", "an edit list: it begins inside a group of pictures", trimmed),
    Kind(
        "audio_later.mp4",
        "the audio begins 0.2 s after the video",
        ffmpeg(f"-map 0:v -map 1:a {X264} -c:a aac", "-i {face} -itsoffset 0.2 -i {face}"),
    ),
    Kind(
        "audio_earlier.mkv",
        "the audio begins 0.2 s before the video",
        ffmpeg(f"-map 0:v -map 1:a {X264} -c:a libopus", "-itsoffset 0.2 -i {face} -i {face}"),
    ),
    Kind(
        "open_gop.mp4",
        "B-frames, open groups of pictures",
        ffmpeg(f"{X264} -bf 3 -x264-params open-gop=1:keyint=5 -an"),
    ),
    Kind("one_frame.mp4", "a single frame", ffmpeg(f"{X264} -frames:v 1 -an")),
    # Codecs and pixels.
    Kind(
        "hdr10.mkv",
        "HEVC 10 bit, HDR10 with mastering display and light level",
        ffmpeg(f"{X265}{HDR10} -pix_fmt yuv420p10le -color_range tv -c:a aac"),
    ),
    Kind(
        "hdr10.mp4",
        "the same in MP4",
        ffmpeg(f"{X265}{HDR10} -pix_fmt yuv420p10le -color_range tv -tag:v hvc1 -c:a aac"),
    ),
    Kind("hevc.mp4", "HEVC 8 bit", ffmpeg(f"{X265} -pix_fmt yuv420p -tag:v hvc1 -c:a aac")),
    Kind("vp9.webm", "VP9, Opus", ffmpeg(f"{VP9} -pix_fmt yuv420p")),
    Kind("av1.mp4", "AV1", ffmpeg("-c:v libaom-av1 -cpu-used 8 -crf 20 -pix_fmt yuv420p -c:a aac")),
    Kind(
        "interlaced_tff.mpg",
        "MPEG-2, upper field first, MP2, pixel aspect 16:15",
        ffmpeg(
            f"-vf scale=180:144,tinterlace=interleave_top,fieldorder=tff -aspect 4:3 {MPEG2_FIELDS} -c:a mp2",
            "-r 50 -i {more}",
        ),
    ),
    Kind(
        "interlaced_bff.ts",
        "MPEG-2, lower field first, AC-3",
        ffmpeg(f"-vf tinterlace=interleave_bottom,fieldorder=bff {MPEG2_FIELDS} -c:a ac3", "-r 50 -i {more}"),
    ),
    Kind(
        "interlaced_h264.mp4",
        "H.264, upper field first",
        ffmpeg(f"-vf tinterlace=interleave_top,fieldorder=tff -flags +ilme+ildct {X264} -c:a aac", "-r 50 -i {more}"),
    ),
    Kind("mpeg4.avi", "MPEG-4 Part 2, MP3", ffmpeg("-c:v mpeg4 -q:v 3 -pix_fmt yuv420p -c:a libmp3lame")),
    Kind(
        "ac3.avi",
        "AC-3 in AVI: becomes Matroska",
        ffmpeg("-c:v mpeg4 -q:v 3 -pix_fmt yuv420p -c:a ac3"),
    ),
    Kind("mjpeg.avi", "Motion JPEG, PCM", ffmpeg("-c:v mjpeg -q:v 3 -pix_fmt yuvj422p -c:a pcm_s16le")),
    Kind(
        "prores.mov",
        "ProRes 422, 10 bit, 24 bit PCM",
        ffmpeg("-c:v prores_ks -profile:v 2 -pix_fmt yuv422p10le -c:a pcm_s24le"),
    ),
    Kind("ffv1_444.mkv", "FFV1, 4:4:4, FLAC", ffmpeg("-c:v ffv1 -pix_fmt yuv444p -c:a flac")),
    Kind("ffv1_gray.mkv", "FFV1, gray", ffmpeg("-c:v ffv1 -pix_fmt gray -c:a flac")),
    Kind("ffv1_12bit.mkv", "FFV1, 4:2:2, 12 bit", ffmpeg("-c:v ffv1 -pix_fmt yuv422p12le -c:a flac")),
    Kind("ffv1_16bit.mkv", "FFV1, gray, 16 bit", ffmpeg("-c:v ffv1 -pix_fmt gray16le -c:a flac")),
    Kind("full_range.mp4", "H.264 in full range", ffmpeg(f"{X264} -pix_fmt yuvj420p -color_range pc -c:a aac")),
    *(
        Kind(
            f"{name}.mp4",
            f"colour tags: {name.upper()}",
            ffmpeg(
                f"{X264} -color_range tv -color_primaries {primaries} -color_trc {transfer} -colorspace {matrix}"
                " -c:a aac"
            ),
        )
        for name, primaries, transfer, matrix in (
            ("bt601", "smpte170m", "smpte170m", "smpte170m"),
            ("bt709", "bt709", "bt709", "bt709"),
            ("bt2020", "bt2020", "bt2020-10", "bt2020nc"),
        )
    ),
    Kind("odd_size.webm", "241x181 pixels, VP9", ffmpeg(f"-vf scale=241:181 {VP9} -pix_fmt yuv420p")),
    Kind("odd_size.mkv", "241x181 pixels, H.264 4:4:4", ffmpeg(f"-vf scale=241:181 {X264} -pix_fmt yuv444p -c:a aac")),
    Kind("wide_pixels.mp4", "pixel aspect 4:3", ffmpeg(f"-vf setsar=4/3 {X264} -c:a aac")),
    Kind("alpha.webm", "VP9 with alpha", ffmpeg(f"{ALPHA} {VP9} -pix_fmt yuva420p")),
    Kind(
        "alpha.mov",
        "ProRes 4444 with alpha",
        ffmpeg(f"{ALPHA} -c:v prores_ks -profile:v 4 -pix_fmt yuva444p10le -c:a pcm_s16le"),
    ),
    Kind("alpha.mkv", "FFV1 with alpha", ffmpeg(f"{ALPHA} -c:v ffv1 -pix_fmt yuva420p -c:a flac")),
    Kind("rgb_h264.mkv", "H.264 in RGB", ffmpeg("-c:v libx264rgb -preset ultrafast -crf 15 -pix_fmt rgb24 -c:a flac")),
    Kind("rgb_ffv1.mkv", "FFV1 in RGB", ffmpeg("-c:v ffv1 -pix_fmt bgr0 -c:a flac")),
    Kind("rgb_10bit.mkv", "FFV1 in RGB, 10 bit", ffmpeg("-c:v ffv1 -pix_fmt gbrp10le -c:a flac")),
    *(
        Kind(f"rotated_{turn}.mp4", f"stored turned, with a rotation tag of {turn}°", filmed(rotation=turn))
        for turn in (90, 180, 270)
    ),
    # Streams and their metadata.
    Kind(
        "tracks.mkv",
        "two audio tracks and subtitles with languages, dispositions, titles; chapters",
        ffmpeg(
            f"-map 0:v -map 0:a -map 0:a -map 1 -map_metadata 2 -map_chapters 2 {X264} -c:a aac -c:s srt"
            " -metadata:s:a:0 language=eng -metadata:s:a:1 language=deu -metadata:s:a:1 title=Kommentar"
            " -metadata:s:s:0 language=fra -disposition:a:0 0 -disposition:a:1 default+comment -disposition:s:0 forced",
            "-i {face} -i {lines} -i {chapters}",
        ),
    ),
    Kind(
        "tracks.mp4",
        "the same in MP4",
        ffmpeg(
            f"-map 0:v -map 0:a -map 0:a -map 1 -map_metadata 2 -map_chapters 2 {X264} -c:a aac -c:s mov_text"
            " -metadata:s:a:0 language=eng -metadata:s:a:1 language=deu -metadata:s:s:0 language=fra",
            "-i {face} -i {lines} -i {chapters}",
        ),
    ),
    Kind(
        "attachment.mkv",
        "an attached font",
        ffmpeg(f"{X264} -c:a aac -attach {{font}} -metadata:s:t mimetype=font/ttf -metadata:s:t filename=a.ttf"),
    ),
    Kind("timecode.mov", "a timecode track", ffmpeg(f"{X264} -c:a pcm_s16le -timecode 01:00:00:00")),
    Kind(
        "cover_art.mp4",
        "cover art with a face",
        ffmpeg(f"-map 0 -map 1 {X264} -c:a aac -c:v:1 copy -disposition:v:1 attached_pic", "-i {face} -i {still}"),
    ),
    Kind(
        "cover_art.mkv",
        "cover art with a face",
        ffmpeg(
            f"-map 0 {X264} -c:a aac -attach {{still}}"
            " -metadata:s:t mimetype=image/jpeg -metadata:s:t filename=cover.jpg"
        ),
    ),
    Kind("second_video.mkv", "two video streams with faces", ffmpeg(f"-map 0:v -map 0:v -map 0:a {X264} -c:a aac")),
    Kind("second_video.mp4", "two video streams with faces", ffmpeg(f"-map 0:v -map 0:v -map 0:a {X264} -c:a aac")),
    Kind(
        "broadcast.ts",
        "MPEG-TS: H.264, MP2, timestamps that do not start at zero",
        ffmpeg(f"{X264} -bf 2 -c:a mp2 -metadata:s:a:0 language=swe"),
    ),
    Kind(
        "location.mp4",
        "tags with its location and device",
        ffmpeg(f"{X264} -c:a aac -metadata location=+48.8584+002.2945/ -metadata title=kept -metadata make=Maker"),
    ),
    Kind(
        "location.mov",
        "a phone's tags: location, make, model",
        ffmpeg(
            f"{X264} -c:a aac -movflags use_metadata_tags -metadata title=kept"
            " -metadata com.apple.quicktime.location.ISO6709=+48.8584+002.2945+035.000/"
            " -metadata com.apple.quicktime.make=Apple -metadata com.apple.quicktime.model='iPhone 13'"
        ),
    ),
)
