"""Weights for RetinaFace ResNet-50 without a download: seeded random numbers, which detect boxes but no faces.

`python -m benchmarks.random_weights PATH` writes them; the time and the arithmetic are those of the real ones.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import click
import torch
from retinaface.network import RetinaFace


def write_random_weights(path: Path, seed: int = 0) -> Path:
    """Write a state dict as retinaface-pytorch's release holds one; the same seed gives the same weights."""
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        torch.manual_seed(seed)
        layers = {"layer2": 1, "layer3": 2, "layer4": 3}
        network = RetinaFace("Resnet50", pretrained=False, in_channels=256, return_layers=layers, out_channels=256)
    torch.save(network.state_dict(), path)
    return path


@click.command(help=__doc__)
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
def main(path: Path) -> None:
    click.echo(write_random_weights(path))


if __name__ == "__main__":
    main()
