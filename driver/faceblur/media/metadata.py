"""Which of a source's tags an output keeps: those that tell a place or a device are dropped, and named."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Places, as phones, cameras and drones write them, and what identifies the device that was there.
PRIVATE = re.compile(
    r"location|gps|geo|latitude|longitude|(^|[._©-])xyz|loci|"
    r"(^|[._-])(make|model|manufacturer|lens|serial|firmware|device|camera|imei|owner|artist_id)|"
    r"serial_?number|com\.apple\.quicktime\.(software|author|live-photo|content\.identifier)|"
    r"com\.android\.(version|manufacturer|model|capture)|xmp|exif|makernote|samsung|gopro|dji",
    re.IGNORECASE,
)
# Data streams that tell no place: cues, programme guides, menus of DVDs. Others may be of a drone's GPS.
HARMLESS_DATA = frozenset({"scte_35", "epg", "dvd_nav_packet"})
# What is true of the source's file or its coded video only: the muxer and the encoder write their own.
OF_THE_FILE = re.compile(r"(major_brand|minor_version|compatible_brands|encoder|software)", re.IGNORECASE)
OF_THE_VIDEO = re.compile(r"(alpha_mode|duration|encoder|bps|number_of_\w+|_statistics_\w+)(-\w+)?", re.IGNORECASE)
# The tags that MP4 has a place of its own for; a file with others gets FFmpeg's list of free tags instead.
MP4_TAGS = frozenset(
    {"title", "artist", "album_artist", "author", "composer", "album", "date", "comment", "genre", "copyright", "track"}
    | {"grouping", "lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords", "disc", "rating"}
    | {"episode_sort", "season_number", "media_type", "hd_video", "compilation", "gapless_playback", "timecode"}
    | {"creation_time", "location", "performer"}
)


def kept(tags: Mapping[str, str], *, keep_location: bool) -> tuple[dict[str, str], list[str]]:
    """The tags of a container or a copied stream to write, and the names of the private ones that are dropped."""
    tags = {name: value for name, value in tags.items() if not OF_THE_FILE.fullmatch(name)}
    private = [] if keep_location else [name for name in tags if PRIVATE.search(name)]
    return {name: value for name, value in tags.items() if name not in private}, private


def kept_of_video(tags: Mapping[str, str], *, keep_location: bool) -> tuple[dict[str, str], list[str]]:
    """The same for a video stream, which is coded anew."""
    return kept(
        {name: value for name, value in tags.items() if not OF_THE_VIDEO.fullmatch(name)}, keep_location=keep_location
    )


def needs_free_tags(tags: Mapping[str, str]) -> bool:
    """Whether MP4 has no place of its own for some of these tags."""
    return any(name.split("-")[0] not in MP4_TAGS for name in tags)
