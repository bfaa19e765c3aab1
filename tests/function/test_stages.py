"""The stages that `benchmarks.function` times are those of the function as it is."""

from __future__ import annotations

from benchmarks import stages
from benchmarks.function import make_body
from faceblur_function.service import Service
from faceblur_function.settings import Settings
from tests.support.resnet import random_weights


def test_each_stage_of_the_gpu_model_is_timed() -> None:
    settings = Settings(model="retinaface-resnet50", weights=str(random_weights()), detect_size=128)
    spent = stages.measure(Service(settings), make_body((96, 64), 2, "frames", 0.9), batch=2, repeats=1)
    assert set(spent) == set(stages.STAGES) - {"2nd pass"}  # which only large frames get
    assert all(milliseconds > 0 for milliseconds in spent.values())


def test_the_networks_arithmetic_grows_with_the_frame() -> None:
    settings = Settings(model="retinaface-resnet50", weights=str(random_weights()), detect_size=128)
    detector = Service(settings).detector
    small, large = (stages.network_gflop(detector, size_wh) for size_wh in [(64, 64), (128, 128)])
    assert 3.5 < large / small < 4.5
