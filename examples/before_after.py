"""Makes the README's picture: frames of a video above the same frames of its redacted twin.

`python examples/before_after.py SOURCE OUTPUT PICTURE`
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import cv2
import numpy as np

MOMENTS = (0.0, 0.35, 0.75)  # shares of the video's length


def frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    return [pictures[int(moment * (len(pictures) - 1))] for moment in MOMENTS]


if __name__ == "__main__":
    source, output, target = map(Path, sys.argv[1:])
    rows = [np.hstack(frames(path)) for path in (source, output)]
    cv2.imwrite(str(target), cv2.resize(np.vstack(rows), (960, 480), interpolation=cv2.INTER_AREA))
