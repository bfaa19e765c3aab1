"""What bounds the memory of a run: the size of a batch, the number of batches, and each video's look-ahead window."""

from __future__ import annotations

# A batch ends early at this many bytes of decoded frames: 10 frames of 1080p, 2 of 4K.
BATCH_BYTES = 32 << 20
# A render waits for no function: one batch is read and masked while another is written, and small ones do.
RENDER_BATCHES, RENDER_BATCH_BYTES = 2, 4 << 20
# Batches of one image in flight: its pages are in memory anyway, and other images are searched beside it.
IMAGE_BATCHES = 2
# The look-ahead window holds at most this many bytes of decoded frames (86 of 1080p), whatever --look-around says.
WINDOW_BYTES = 256 << 20


def window_frames(frame_bytes: int) -> int:
    """How many frames of this size the look-ahead window holds at most."""
    return max(1, WINDOW_BYTES // frame_bytes)


def max_batches(limit: int) -> int:
    """How many batches may be in memory while `limit` requests may be in flight."""
    return limit + max(2, limit // 2)
