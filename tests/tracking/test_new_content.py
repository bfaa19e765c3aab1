"""Whether a frame shows something that its neighbours do not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data

from examples.sample_clip import Image
from faceblur.tracking.boxes import Box
from faceblur.tracking.camera_motion import NO_MOTION, CameraMotion
from faceblur.tracking.new_content import Neighbour, shows_new
from faceblur.tracking.thumbnails import Thumbnail, thumbnail
from tests.support.faces import BOX

SCALE = 4.0  # of a frame of 1280x720
WIDTH, HEIGHT = 320, 180


def scene(x: float = 40, y: float = 40) -> Image:
    """What a camera sees of a photograph, in the copy's size; it begins at x, y pixels of the copy."""
    room = cv2.resize(np.ascontiguousarray(skimage.data.coffee()[:, :, ::-1]), (480, 320), interpolation=cv2.INTER_AREA)
    matrix = np.array([[1.0, 0, -x], [0, 1.0, -y]])
    return cv2.warpAffine(room, matrix, (WIDTH, HEIGHT))  # type: ignore[return-value]


def with_face(face: Image, image: Image, at: tuple[int, int], height: float) -> Image:
    """The image with a face of this height in pixels of the frame."""
    x1, y1, x2, y2 = BOX.astype(int)
    size_wh = round((x2 - x1) * height / (y2 - y1) / SCALE), round(height / SCALE)
    small = cv2.resize(face[y1:y2, x1:x2], size_wh, interpolation=cv2.INTER_AREA)
    image = image.copy()
    image[at[1] : at[1] + size_wh[1], at[0] : at[0] + size_wh[0]] = small
    return image


def noisy(image: Image, seed: int, sigma: float = 1.5) -> Image:
    grain = np.random.default_rng(seed).normal(0, sigma, image.shape)
    return np.clip(np.rint(image + grain), 0, 255).astype(np.uint8)


def beside(image: Image, motion: CameraMotion = NO_MOTION, faces: tuple[Box, ...] = ()) -> Neighbour:
    return Neighbour(copy_of(image), motion, faces)


def copy_of(image: Image) -> Thumbnail:
    return thumbnail(image, SCALE)


@pytest.mark.parametrize("height", [16, 24, 40, 90, 300])
def test_a_face_of_any_size_that_neither_neighbour_shows_is_new(face: Image, height: float) -> None:
    before, after = (beside(noisy(scene(), seed)) for seed in (1, 2))
    for at in ((20, 20), (150, 60), (230, 90)):
        assert shows_new(copy_of(noisy(with_face(face, scene(), at, height), 3)), [], [before, after])


def test_a_frame_like_either_neighbour_shows_nothing_new(face: Image) -> None:
    clear, shown = noisy(scene(), 1), noisy(with_face(face, scene(), (150, 60), 90), 2)
    for frame in (scene(), with_face(face, scene(), (150, 60), 90)):
        assert not shows_new(copy_of(noisy(frame, 3)), [], [beside(clear), beside(shown)])


@pytest.mark.parametrize("sigma", [0.0, 3.0, 6.0])
def test_noise_is_nothing_new(sigma: float) -> None:
    first, second, third = (noisy(scene(), seed, sigma) for seed in (1, 2, 3))
    assert not shows_new(copy_of(second), [], [beside(first), beside(third)])


def test_where_the_camera_carries_the_neighbours_only_the_face_is_new(face: Image) -> None:
    # It moves by 5.25 px of the copy to the right and 1.5 px down until the frame, and as far again after it.
    pans = [scene(40 + 5.25 * step, 40 + 1.5 * step) for step in range(3)]
    way = complex(-5.25, -1.5) * SCALE
    neighbours = [beside(pans[0], CameraMotion(1, way)), beside(pans[2], CameraMotion(1, -way))]
    assert not shows_new(copy_of(pans[1]), [], neighbours)
    assert shows_new(copy_of(pans[1]), [], [beside(pans[0]), beside(pans[2])])  # the motion is unknown
    assert shows_new(copy_of(with_face(face, pans[1], (150, 60), 24)), [], neighbours)


def test_what_no_neighbour_saw_is_new() -> None:
    # The camera looked further left, and back: its left border was never seen.
    way = complex(-12, 0) * SCALE
    neighbours = [beside(scene(40), CameraMotion(1, -way)), beside(scene(40), CameraMotion(1, -way))]
    assert shows_new(copy_of(scene(28)), [], neighbours)


def test_what_no_neighbour_saw_is_new_although_it_looks_like_the_border_beside_it() -> None:
    # Stripes: the border that is not known is as what lies beside it.
    stripes = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    stripes[30:150] = np.random.default_rng(1).integers(0, 256, (30, 1, 1), np.uint8).repeat(4, axis=0)
    moved = np.roll(stripes, 6, axis=0)
    for x, is_new in ((12, True), (0, False)):
        motion = CameraMotion(1, complex(x, 6) * SCALE)
        assert shows_new(copy_of(moved), [], [beside(stripes, motion)] * 2) is (is_new)


def test_a_known_face_and_its_body_may_move(face: Image) -> None:
    def person(x: int) -> Image:
        """A head and shoulders, larger than the face's box."""
        image = scene()
        image[30:150, x : x + 90] = cv2.resize(face[20:260, 130:320], (90, 120), interpolation=cv2.INTER_AREA)
        return image

    def box(x: int) -> Box:
        x1, y1, x2, y2 = ((BOX - [130, 20, 130, 20]) / [190 / 90, 2, 190 / 90, 2] + [x, 30, x, 30]) * SCALE
        return x1, y1, x2, y2

    frames = [person(x) for x in (100, 103, 106)]
    neighbours = [beside(frames[0], faces=(box(100),)), beside(frames[2], faces=(box(106),))]
    assert not shows_new(copy_of(frames[1]), [box(103)], neighbours)
    assert shows_new(copy_of(frames[1]), [], [beside(frames[0]), beside(frames[2])])
    assert shows_new(copy_of(with_face(face, frames[1], (250, 60), 24)), [box(103)], neighbours)


def test_what_stands_still_while_the_camera_moves_is_not_new() -> None:
    def framed(x: float) -> Image:
        image = scene(x)
        image[:, :12] = 0
        return image

    way = complex(-5, 0) * SCALE
    neighbours = [beside(framed(40), CameraMotion(1, way)), beside(framed(50), CameraMotion(1, -way))]
    assert not shows_new(copy_of(framed(45)), [], neighbours)


def test_frames_of_other_sizes_explain_nothing() -> None:
    half = thumbnail(scene()[:90], SCALE)
    assert shows_new(copy_of(scene()), [], [Neighbour(half, NO_MOTION, ()), beside(scene())])


def test_a_light_that_changes_is_new() -> None:
    dimmed = (scene() * 0.8).astype(np.uint8)
    assert shows_new(copy_of(dimmed), [], [beside(scene()), beside(scene())])


def test_where_the_first_neighbour_explains_all_no_other_is_looked_at() -> None:
    unusable = Neighbour(copy_of(scene(90)), None, ())  # type: ignore[arg-type]
    assert not shows_new(copy_of(noisy(scene(), 3)), [], [beside(noisy(scene(), 1)), unusable])


def test_the_order_of_the_neighbours_does_not_matter(face: Image) -> None:
    known = (150 * SCALE, 60 * SCALE, 156 * SCALE, 68 * SCALE)
    images = [scene(), scene(43), noisy(scene(41, 39), 1), with_face(face, scene(), (150, 60), 30)]
    motions = [NO_MOTION, CameraMotion(shift=complex(-6, 4)), CameraMotion(1.002 + 0.001j, 3 + 2j)]
    neighbours = [beside(image, motion, (known,)) for image in images for motion in motions]
    for frame in map(copy_of, images):
        for one in neighbours:
            for other in neighbours:
                assert shows_new(frame, [known], [one, other]) == shows_new(frame, [known], [other, one])
