"""Which of a source's tags an output keeps: those that identify a location or a device are dropped, and named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from faceblur.media.private_texts import is_private

# Locations, as phones, cameras and drones write them, and what identifies the device that was there.
PRIVATE = re.compile(
    r"location|gps|geo|latitude|longitude|(^|[._©-])xyz|loci|coordinates|(^|[._-])(lat|lon|place|city|country)([._-]|$)|"
    r"(^|[._-])(make|model|manufacturer|lens|serial|firmware|device|camera|imei|owner|artist_id)|"
    r"serial_?number|com\.apple\.quicktime\.(software|author|live-photo|content\.identifier)|"
    r"com\.android\.(version|manufacturer|model|capture)|xmp|exif|makernote|samsung|gopro|dji|"
    # Pictures, and what programmes keep in a file for themselves.
    r"metadata_block_picture|cover_?art|(^|[._-])(apic|thumb(nail)?|picture)([._-]|$)|id3v2_priv",
    re.IGNORECASE,
)
# Tags whose value may name the device, as `GoPro AVC` does.
NAMES_A_DEVICE = re.compile(r"handler_name|vendor_id", re.IGNORECASE)
DEVICES = re.compile(r"gopro|dji|insta360|samsung|garmin", re.IGNORECASE)
# Data streams that hold no location: cues, programme guides, menus of DVDs. Others may be of a drone's GPS.
HARMLESS_DATA = frozenset({"scte_35", "epg", "dvd_nav_packet"})
# Tags of the source's file and of its coded video only: the muxer and the encoder write their own.
FILE_TAGS = re.compile(r"(major_brand|minor_version|compatible_brands|encoder|software)", re.IGNORECASE)
VIDEO_TAGS = re.compile(r"(alpha_mode|duration|encoder|bps|number_of_\w+|_statistics_\w+)(-\w+)?", re.IGNORECASE)
# The tags that MP4 has a field for; a file with others gets FFmpeg's list of free tags instead.
MP4_TAGS = frozenset(
    {"title", "artist", "album_artist", "author", "composer", "album", "date", "comment", "genre", "copyright", "track"}
    | {"grouping", "lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords", "disc", "rating"}
    | {"episode_sort", "season_number", "media_type", "hd_video", "compilation", "gapless_playback", "timecode"}
    | {"creation_time", "location", "performer"}
)


def kept_tags(tags: Mapping[str, str], *, keep_location: bool) -> tuple[dict[str, str], list[str]]:
    """The tags of a container or a copied stream to write, and the names of the private ones that are dropped.

    A tag is private by its name, or by a position or a file in its value.
    """
    tags = {name: value for name, value in tags.items() if not FILE_TAGS.fullmatch(name)}
    private = [] if keep_location else [name for name, value in tags.items() if _is_private(name, value)]
    return {name: value for name, value in tags.items() if name not in private}, private


def kept_video_tags(tags: Mapping[str, str], *, keep_location: bool) -> tuple[dict[str, str], list[str]]:
    """The same for a video stream, which is encoded again."""
    return kept_tags(
        {name: value for name, value in tags.items() if not VIDEO_TAGS.fullmatch(name)}, keep_location=keep_location
    )


def kept_chapters(chapters: list[Any], *, keep_location: bool) -> tuple[list[Any], list[str]]:
    """The same for the tags of chapters, their titles among them."""
    kept, names = list[Any](), list[str]()
    for chapter in chapters:
        tags, dropped = kept_tags(chapter["metadata"], keep_location=keep_location)
        kept.append({**chapter, "metadata": tags})
        names += dropped
    return kept, sorted(set(names))


def dropped_tags(names: list[str], owner: str) -> list[str]:
    """The line that reports dropped tags of the file or of a stream; none where nothing was dropped."""
    return [f"tags of {owner} that identify a location or a device: {', '.join(sorted(names))}"] if names else []


def _is_private(name: str, value: str) -> bool:
    names_device = NAMES_A_DEVICE.fullmatch(name) and DEVICES.search(value)
    return bool(PRIVATE.search(name) or names_device or is_private(value.encode(errors="replace")))


def needs_free_tags(tags: Mapping[str, str]) -> bool:
    """Whether MP4 has no field for some of these tags."""
    return any(name.split("-")[0] not in MP4_TAGS for name in tags)
