"""Texts of a file that would tell where it was made, or that hold a file: tags, subtitles, headers of text tracks."""

from __future__ import annotations

from faceblur.media.hidden_files import holds_encoded_file, holds_file
from faceblur.media.positions import holds_position


def is_private(content: bytes) -> bool:
    """Whether a text, in UTF-8 or UTF-16, holds a position or a file."""
    text = content.replace(b"\0", b"").decode(errors="replace")
    return holds_position(text) or holds_encoded_file(text) or holds_file(content)
