"""Makes the README's image: frames of a video above the same frames of its redacted output.

`python examples/before_after.py SOURCE OUTPUT IMAGE`
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import cv2
import numpy as np

POSITIONS = (0.0, 0.35, 0.75)  # shares of the video's length


def frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        images = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    return [images[int(position * (len(images) - 1))] for position in POSITIONS]


if __name__ == "__main__":
    source, output, target = map(Path, sys.argv[1:])
    rows = [np.hstack(frames(path)) for path in (source, output)]
    cv2.imwrite(str(target), cv2.resize(np.vstack(rows), (960, 480), interpolation=cv2.INTER_AREA))
