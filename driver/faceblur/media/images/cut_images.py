"""Image files that are cut or damaged where Pillow would not notice: it reads what is there, and says nothing."""

from __future__ import annotations

from collections import Counter

from faceblur.media.images.carried_parts import END_OF_GIF, gif_blocks
from faceblur.media.images.png_chunks import chunks
from faceblur_function.images import has_wrong_check_sum

# What FFmpeg announces before it knows the number of frames: it cannot go back in a pipe.
FRAMES_TO_PIPE = 2**32 - 1


def check_complete(content: bytes) -> None:
    """Check a GIF's end, a PNG's check sums, and the number of frames that an animated PNG has. Raises ValueError."""
    if content.startswith(b"GIF8"):
        *_, last = (len(content), *gif_blocks(content))
        if content[last : last + 1] != END_OF_GIF:
            raise ValueError("it was cut: its end is missing")
    elif content.startswith(b"\x89PNG"):
        if has_wrong_check_sum(content):
            raise ValueError("a check sum is wrong")
        names = Counter[bytes]()
        announced = None
        for name, chunk in chunks(content):
            names[name] += 1
            if name == b"acTL":
                announced = int.from_bytes(chunk[8:12], "big")
        if announced not in (None, names[b"fcTL"]):
            written_to_pipe = (
                ", as FFmpeg writes it to a pipe: give FFmpeg a file, or write this one again by "
                "`ffmpeg -i IMAGE -plays 0 -f apng NEW.png`"
            )
            why = written_to_pipe * (announced == FRAMES_TO_PIPE)
            raise ValueError(f"it announces {announced} frames, and has {names[b'fcTL']}{why}")
