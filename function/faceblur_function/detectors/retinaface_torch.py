"""RetinaFace with a ResNet-50 backbone in PyTorch: the detector for GPUs, one batch at a time.

The network and its arithmetic are retinaface-pytorch's. Pixels are uploaded as uint8; only faces are downloaded.
"""

from __future__ import annotations

import ctypes
import io
import logging
import warnings
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import torch
from retinaface.network import RetinaFace
from torchvision.ops import batched_nms

from faceblur_function.detectors.anchors import CENTRE_VARIANCE, MAX_SIZE_EXPONENT, NMS_IOU, SIZE_VARIANCE, anchor_grid
from faceblur_function.detectors.detector import DetectorError, Faces, Floats, Frame
from faceblur_function.detectors.scaling import fit, group_by_size
from faceblur_function.weights import checkpoint, load_weights

# ImageNet's mean and deviation, with which retinaface-pytorch normalises, for RGB from 0 to 255.
MEAN_RGB = (0.485 * 255, 0.456 * 255, 0.406 * 255)
DEVIATION_RGB = (0.229 * 255, 0.224 * 255, 0.225 * 255)
# Frames of one size run together up to this many megapixels; on CUDA fewer where the memory does not hold them.
RUN_MEGAPIXELS = {"cpu": 2.0, "cuda": 64.0}
PRECISION = {"cpu": "float32", "cuda": "float16"}
_UNUSABLE = "the weights of retinaface-resnet50 are not usable"
Outputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor]

log = logging.getLogger("faceblur.detect")


class RetinaFaceTorch:
    """A Detector. Raises DetectorError when the device or the weights are not usable.

    It runs one pass at one scale, so that it detects what retinaface-pytorch detects. `precision` names a torch type;
    None stands for half precision on CUDA and float32 on the CPU.
    """

    name = "retinaface-resnet50"
    suspicion = None

    def __init__(
        self, *, weights: str | None, device: str, detect_size: int, threads: int, precision: str | None = None
    ) -> None:
        self._device = _usable_device(device)
        if threads:
            torch.set_num_threads(threads)
        content, self.weights_sha256 = load_weights(self.name, weights)
        self.precision = precision or PRECISION[self._device.type]
        self._dtype: torch.dtype = getattr(torch, self.precision)
        network = _network(content).to(self._device, self._dtype, memory_format=torch.channels_last)
        self._network = network.eval()
        self.device = device
        self.provider = f"torch {torch.__version__}"
        self.detect_size = detect_size
        self._run_pixels = int(RUN_MEGAPIXELS[self._device.type] * 1e6)
        self._mean = torch.tensor(MEAN_RGB, device=self._device).view(3, 1, 1)
        self._deviation = torch.tensor(DEVIATION_RGB, device=self._device).view(3, 1, 1)
        self._anchors = lru_cache(maxsize=16)(lambda size_wh: torch.from_numpy(anchor_grid(size_wh)).to(self._device))

    def status(self) -> dict[str, str | int | float]:
        """What `GET /` reports: the GPU and its memory in bytes, the precision, and the batch size in megapixels."""
        status: dict[str, str | int | float] = {
            "precision": self.precision,
            "batch_megapixels": self._run_pixels / 1e6,
        }
        if self._device.type == "cuda":
            free, total = torch.cuda.mem_get_info(self._device)
            status["device_name"] = torch.cuda.get_device_name(self._device)
            status["memory_total"] = total
            status["memory_used"] = total - free  # by every process on the GPU
            status["memory_peak"] = torch.cuda.max_memory_reserved(self._device)
        return status

    def detect(self, frames: Sequence[Frame], *, threshold: float) -> list[Faces]:
        """Detect faces in frames `(H, W, 3) uint8 BGR`; frames of one size run together."""
        # Scaled as retinaface-pytorch does, but never up.
        inputs = [fit(frame, self.detect_size, cv2.INTER_LINEAR) for frame in frames]
        faces: dict[int, Faces] = {}
        for size_wh, indices in group_by_size(inputs).items():
            rows = self._run([inputs[index] for index in indices], threshold)
            for index, its_rows in zip(indices, rows, strict=True):
                faces[index] = faces_in_frame(its_rows, size_wh, frames[index])
        return [faces[index] for index in range(len(frames))]

    def _run(self, images: Sequence[Frame], threshold: float) -> list[Floats]:
        """The rows of `postprocess` for each image, all of one size.

        A batch that does not fit in memory is halved, and the smaller size is kept for later batches.
        """
        height, width = images[0].shape[:2]
        rows: list[Floats] = []
        while len(rows) < len(images):
            step = max(1, self._run_pixels // (width * height))
            batch = images[len(rows) : len(rows) + step]
            try:
                outputs = self.forward(self.upload(batch))
                rows += self.postprocess(outputs, (width, height), threshold)
                continue
            except torch.cuda.OutOfMemoryError:
                if len(batch) == 1:
                    raise
            # Not inside `except`: there the traceback would keep the tensors of the failed run alive.
            self._run_pixels = len(batch) // 2 * width * height
            torch.cuda.empty_cache()
            log.warning(
                "%d frames of %dx%d do not fit in the memory of %s: from now on %.1f megapixels at a time",
                *(len(batch), width, height, self.device, self._run_pixels / 1e6),
            )
        return rows

    def upload(self, images: Sequence[Frame]) -> torch.Tensor:
        """Images of one size as `(B, H, W, 3) uint8 BGR` on the device."""
        shape = (len(images), *images[0].shape)
        pixels = torch.empty(shape, dtype=torch.uint8, pin_memory=self._device.type == "cuda")
        np.stack(images, out=pixels.numpy())
        return pixels.to(self._device, non_blocking=True)

    @torch.inference_mode()
    def forward(self, pixels: torch.Tensor) -> Outputs:
        """Run the network on uploaded pixels: box offsets (B, N, 4), logits (B, N, 2), landmark offsets (B, N, 10)."""
        rgb = pixels.permute(0, 3, 1, 2).flip(1)
        # In float32: half precision would round the mean itself.
        normalised = (rgb.float() - self._mean) / self._deviation
        outputs: Outputs = self._network(normalised.to(self._dtype, memory_format=torch.channels_last))
        return outputs

    @torch.inference_mode()
    def postprocess(self, outputs: Outputs, size_wh: tuple[int, int], threshold: float) -> list[Floats]:
        """Each image's boxes after NMS, best first, in input pixels: rows (N, 15) of xyxy, score and 5 landmarks.

        Everything happens on the device, in float32; one array of what is left is copied to the host.
        """
        offsets, logits, landmark_offsets = outputs
        scores = logits.float().softmax(dim=-1)[..., 1]
        if not scores.isfinite().all():
            # A comparison with NaN is false: the faces would be missed without an error.
            raise FloatingPointError(f"{self.name} gave scores that are not numbers, in {self.precision}")
        image, anchor = (scores >= threshold).nonzero(as_tuple=True)
        if not len(image):
            return [np.zeros((0, 15), np.float32) for _ in range(len(scores))]
        scores = scores[image, anchor]
        priors = self._anchors(size_wh)[anchor]
        shifts = offsets[image, anchor].float()
        centres = priors[:, :2] + shifts[:, :2] * CENTRE_VARIANCE * priors[:, 2:]
        half_sizes = priors[:, 2:] * torch.exp((shifts[:, 2:] * SIZE_VARIANCE).clamp(max=MAX_SIZE_EXPONENT)) / 2
        boxes = torch.cat([centres - half_sizes, centres + half_sizes], dim=1)
        points = landmark_offsets[image, anchor].float().view(-1, 5, 2)
        landmarks = priors[:, None, :2] + points * CENTRE_VARIANCE * priors[:, None, 2:]
        # batched_nms moves each image's boxes apart by the largest coordinate: negative ones would reach into another
        # image, and float32 would lose the fractions of a pixel.
        apart = (boxes - boxes.min()).double()
        kept = batched_nms(apart, scores.double(), image, NMS_IOU)
        columns = [image[kept, None].float(), boxes[kept], scores[kept, None], landmarks[kept].flatten(1)]
        rows: Floats = torch.cat(columns, dim=1).cpu().numpy()
        return [rows[rows[:, 0] == index, 1:] for index in range(len(logits))]


def faces_in_frame(rows: Floats, input_wh: tuple[int, int], frame: Frame) -> Faces:
    """One frame's rows (N, 15) of `postprocess` in the frame's own pixels, clamped to it."""
    height, width = frame.shape[:2]
    scale = np.divide((width, height), input_wh).astype(np.float32)
    xyxy = rows[:, :4] * np.tile(scale, 2)
    # As retinaface-pytorch: a box that begins in the last pixel or beyond is dropped.
    inside = (xyxy[:, 0] < width - 1) & (xyxy[:, 1] < height - 1) & (xyxy[:, 2:] > 0).all(axis=1)
    limits = np.array([width, height, width, height], np.float32)
    landmarks = rows[inside, 5:].reshape(-1, 5, 2) * scale
    return Faces(np.clip(xyxy[inside], 0, limits), rows[inside, 4], landmarks)


def _usable_device(name: str) -> torch.device:
    """The device of this name, after it has run an operation. Raises DetectorError."""
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in RUN_MEGAPIXELS:
        raise DetectorError(f"unknown device {name!r}: set DEVICE to cpu, cuda or cuda:N")
    if device.type == "cpu":
        return device
    if not torch.cuda.is_available():
        reason = _no_cuda_reason(torch.version.cuda)
    else:
        try:
            torch.zeros(1, device=device)
            return device
        except RuntimeError as error:
            reason = f"cannot use it ({str(error).splitlines()[0]})"
    raise DetectorError(f"DEVICE={name}, but torch {torch.__version__} {reason}: give it a GPU, or set DEVICE=cpu")


def _no_cuda_reason(built_for: str | None) -> str:
    """Why a torch that was built for this version of CUDA, such as "13.0", can use no GPU."""
    if built_for is None:
        return "is built without CUDA"
    driver = driver_cuda_version()
    # A driver runs what was built for an older CUDA, and for any minor version of its own.
    if driver and driver // 1000 < int(built_for.split(".")[0]):
        supported = f"{driver // 1000}.{driver % 1000 // 10}"
        return f"needs CUDA {built_for}, and this node's NVIDIA driver, which has to be renewed, ends at {supported}"
    return "sees no usable NVIDIA GPU"


def driver_cuda_version() -> int:
    """The CUDA version that the NVIDIA driver supports, 13000 for 13.0; 0 where there is no driver."""
    version = ctypes.c_int(0)
    try:
        ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return 0
    return version.value


def _network(content: bytes) -> RetinaFace:
    """The network with these weights, on the CPU. Raises DetectorError."""
    with warnings.catch_warnings():
        # The library says `pretrained=False`, which today's torchvision spells `weights=None`.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"torchvision\.models\._utils")
        network = RetinaFace(
            name="Resnet50",
            pretrained=False,
            return_layers={"layer2": 1, "layer3": 2, "layer4": 3},
            in_channels=256,
            out_channels=256,
        )
    try:
        state = torch.load(io.BytesIO(checkpoint(content)), map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling raises many types, and its messages advise to disable `weights_only`
        raise DetectorError(f"{_UNUSABLE}: damaged or cut, or more than tensors in the file") from error
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        raise DetectorError(f"{_UNUSABLE}: not the tensors of this network") from error
    return network
