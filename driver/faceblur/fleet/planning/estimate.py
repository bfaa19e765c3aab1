"""From probes and samples to what an archive takes: time, the function's hours, disk, money. Arithmetic only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from faceblur.fleet.planning.archive_facts import Probe, SpeedSample
from faceblur.fleet.planning.fleet_size import FleetSize

# Two standard errors of the samples' mean, at least this share: sampled seconds are not the rest of the archive.
MIN_SPREAD = 0.15
ONE_SAMPLE_SPREAD = 0.5
UTILIZATION = 0.9  # of the time that workers and GPUs are there; the rest is starts, ends and waiting


@dataclass(frozen=True, slots=True)
class Spread:
    """An expected figure, and the range in which it probably lies."""

    low: float
    expected: float
    high: float

    def times(self, factor: float) -> Spread:
        return Spread(self.low * factor, self.expected * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class Estimate:
    """`seconds` is from start to end, bounded by `bound`; `function_seconds` is what the function computes in all.

    `disk_bytes` is the size of all outputs. `cost` is for the time in which GPUs or workers are there.
    """

    seconds: Spread
    bound: str
    function_seconds: Spread
    disk_bytes: Spread
    cost: Spread | None


def estimate(probes: Sequence[Probe], samples: Sequence[SpeedSample], fleet: FleetSize) -> Estimate | None:
    """What these videos take; None without a sample."""
    videos = [one for one in probes if one.is_video and not one.fails]
    known = [one for one in videos if one.megapixels]
    if not samples or not known:
        return None
    # Videos of unknown length are as long as others of their size in bytes.
    share = sum(one.bytes for one in videos) / max(1, sum(one.bytes for one in known))
    megapixels = sum(one.megapixels for one in known) * share
    function = _total(samples, lambda one: one.function, megapixels)
    if fleet.gpus is None:
        whole = {"the workers": _total(samples, lambda one: one.wall, megapixels / fleet.workers)}
    else:
        driver = _total(samples, lambda one: one.driver, megapixels / (fleet.workers * fleet.cores))
        whole = {"the GPUs": function.times(1 / fleet.gpus), "the workers": driver}
    whole = {name: one.times(1 / UTILIZATION) for name, one in whole.items()}
    longest = max(known, key=lambda one: one.megapixels)
    whole[f"its longest video, {longest.path}, which one worker does alone"] = _total(
        samples, lambda one: one.wall, longest.megapixels
    )
    bound = max(whole, key=lambda name: whole[name].expected)
    paid = fleet.workers if fleet.gpus is None else fleet.gpus
    return Estimate(
        seconds=whole[bound],
        bound=bound,
        function_seconds=function,
        disk_bytes=_total(samples, lambda one: one.grows, sum(one.bytes for one in videos)),
        cost=None if fleet.price is None else whole[bound].times(paid * fleet.price / 3600),
    )


def _total(samples: Sequence[SpeedSample], rate: Callable[[SpeedSample], float], amount: float) -> Spread:
    """The samples' mean rate for the amount. Longer samples weigh more."""
    rates, frames = [rate(one) for one in samples], sum(one.frames for one in samples)
    expected = sum(rate(one) * one.frames for one in samples) / frames
    if len(rates) == 1 or not expected:
        share = ONE_SAMPLE_SPREAD
    else:
        share = max(MIN_SPREAD, 2 * stdev(rates) / math.sqrt(len(rates)) / mean(rates))
    return Spread(expected / (1 + share), expected, expected * (1 + share)).times(amount)
