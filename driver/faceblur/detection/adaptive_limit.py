"""How many requests keep the function busy: the algorithm of the adaptive limit, without a clock and without I/O.

It is TCP Vegas (Brakmo and Peterson, 1995) as Netflix's concurrency-limits applies it to requests (its `VegasLimit`).
Of `n` requests in flight, `n * (1 - shortest / rtt)` wait in a queue, where `shortest` is the round trip of a request
that does not wait. The limit rises while hardly any wait and falls when many do. So every worker has a batch, and
little more is held in memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# A round trip that takes this many times the expected one has waited (the tolerance of Netflix's Gradient2Limit).
LATE = 1.5
# In the start phase each answer raises the limit by this many: it triples with every round trip.
START_STEP = 2
# When the limit fell to this share of its former value, round trips must be shorter: else nothing waited in a queue.
JUDGED_AT = 0.75
# A wrong estimate of the shortest round trip must not last: the limit is lowered for one round, after so many rounds.
FIRST_ROUNDS_TO_PROBE, MAX_ROUNDS_TO_PROBE = 4, 32
# Rounds without a rise after the function refused a request: it may refuse at once when all its workers are busy.
ROUNDS_AFTER_REFUSAL = 5
MIN_ANSWERS_OF_A_ROUND = 4.0


@dataclass(frozen=True, slots=True)
class Ticket:
    """A request in flight: how many there were when it was sent, itself included, and the limit's epoch at that time.

    The epoch counts the changes of the limit.
    """

    concurrent: int
    epoch: int


class AdaptiveLimit:
    """The limit, from 1 to `ceiling`. Each observation returns the new limit. Times are in seconds.

    In the start phase the limit rises with every answer, until answers come late. From then on it changes once in a
    round: the answers to as many requests as the limit allows, all sent since its last change.
    """

    def __init__(self, start: int, ceiling: int) -> None:
        self.limit, self.ceiling, self.epoch = float(start), ceiling, 0
        self._start_phase: _StartPhase | None = _StartPhase()
        self._shortest_wait = math.inf
        self._round = _Round()
        self._rounds_without_rise = 0
        self._baseline: _Baseline | None = None
        self._probes = _ProbeSchedule()

    def answered(self, ticket: Ticket, in_flight: int, seconds: float, computing: float) -> float:
        """A valid answer came after `seconds`; for `computing` seconds of them the function computed.

        `in_flight` is the number of requests at its arrival, this one included.
        """
        wait = max(0.0, seconds - computing)
        if self._start_phase is not None:
            self._start(self._start_phase, in_flight, seconds, computing, wait)
        elif ticket.epoch == self.epoch:
            concurrent = (ticket.concurrent + in_flight) / 2
            self._round.add(concurrent, seconds, wait, self._shortest_wait, in_flight >= int(self.limit))
            if self._round.answers >= max(MIN_ANSWERS_OF_A_ROUND, self.limit):
                self._end_round()
        return self.limit

    def refused(self, in_flight: int) -> float:
        """The function had no worker for one of the requests in flight: the limit falls to the number of the others."""
        self._start_phase, self._baseline = None, None
        self._rounds_without_rise = ROUNDS_AFTER_REFUSAL
        return self._set(min(self.limit, in_flight - 1))

    def _start(self, phase: _StartPhase, in_flight: int, seconds: float, computing: float, wait: float) -> None:
        """Rise fast until two answers in a row are late: one may be chance."""
        self._shortest_wait = min(self._shortest_wait, wait)
        phase.max_in_flight = max(phase.max_in_flight, in_flight)
        expected = computing + self._shortest_wait
        phase.late_in_a_row = phase.late_in_a_row + 1 if seconds > LATE * expected else 0
        if phase.late_in_a_row == 2:
            self._start_phase = None
            self._set(math.ceil(self.limit * expected / seconds))
        elif not phase.late_in_a_row and self.limit < (1 + START_STEP) * phase.max_in_flight:
            self._set(self.limit + START_STEP)

    def _end_round(self) -> None:
        """Set the limit for the next round, whose requests are those that are sent from now on."""
        ended, self._round = self._round.means(), _Round()
        self._rounds_without_rise = max(0, self._rounds_without_rise - 1)
        self._probes.due_in -= 1
        self._shortest_wait = min(self._shortest_wait, ended.wait)
        min_queue = max(1.0, 3 * math.log10(self.limit))  # VegasLimit's alpha; its beta is twice that
        if not self._restore(ended, min_queue):
            self._adjust(ended, min_queue)

    def _restore(self, ended: _RoundMeans, min_queue: float) -> bool:
        """Compare a limit that has fallen far with its baseline; True if the limit went back to it."""
        baseline = self._baseline
        if baseline is None or self.limit > JUDGED_AT * baseline.limit:
            return False
        self._baseline = None
        if ended.trip > baseline.trip * (1 + self.limit / baseline.limit) / 2:
            # Hardly shorter: the round trip takes longer without a queue, for example since frames are larger.
            self._shortest_wait = ended.wait
            self._probes.restart()
        elif not baseline.probing:
            return False
        elif ended.queue < min_queue:  # shorter, although no queue was visible: the way is shorter than estimated
            self._shortest_wait *= JUDGED_AT
            self._probes.restart()
        self._set(baseline.limit)
        return True

    def _adjust(self, ended: _RoundMeans, min_queue: float) -> None:
        """Fall when the queue is long, rise when it is short, probe a lower limit now and then when it is neither."""
        if ended.queue > 2 * min_queue:
            self._baseline = self._baseline or _Baseline(self.limit, ended.trip, probing=False)
            self._set(self.limit - (ended.queue - min_queue))
        elif ended.queue < min_queue:
            self._baseline = None
            if ended.at_limit and not self._rounds_without_rise:
                self._set(self.limit + max(1.0, self.limit / 10))
        elif self._probes.due_in <= 0 and self.limit >= 2:
            self._probes.back_off()
            self._baseline = _Baseline(self.limit, ended.trip, probing=True)
            self._set(math.floor(JUDGED_AT * self.limit))

    def _set(self, limit: float) -> float:
        self.limit = min(float(self.ceiling), max(1.0, limit))
        self.epoch += 1
        return self.limit


@dataclass(slots=True)
class _StartPhase:
    max_in_flight: int = 0
    late_in_a_row: int = 0


@dataclass(slots=True)
class _ProbeSchedule:
    """In how many rounds the next probe of a lower limit is due; the interval doubles with every probe."""

    due_in: int = FIRST_ROUNDS_TO_PROBE
    interval: int = FIRST_ROUNDS_TO_PROBE

    def restart(self) -> None:
        self.due_in = self.interval = FIRST_ROUNDS_TO_PROBE

    def back_off(self) -> None:
        self.due_in = self.interval = min(MAX_ROUNDS_TO_PROBE, 2 * self.interval)


@dataclass(frozen=True, slots=True)
class _Baseline:
    """Limit and round trip before the limit began to fall, and whether it fell only to probe."""

    limit: float
    trip: float
    probing: bool


@dataclass(frozen=True, slots=True)
class _RoundMeans:
    """Requests that waited in a queue; the smoothed round trip; its part without computing; mostly at the limit?"""

    queue: float
    trip: float
    wait: float
    at_limit: bool


@dataclass(slots=True)
class _Round:
    """Sums over the answers of a round, and the smoothed round trip."""

    answers: int = 0
    queue: float = 0.0
    trip: float = 0.0
    wait: float = 0.0
    at_limit: int = 0

    def add(self, concurrent: float, seconds: float, wait: float, shortest_wait: float, at_limit: bool) -> None:
        self.answers += 1
        self.queue += concurrent * max(0.0, wait - shortest_wait) / max(seconds, 1e-9)
        self.trip = seconds if self.answers == 1 else 0.8 * self.trip + 0.2 * seconds
        self.wait += wait
        self.at_limit += at_limit

    def means(self) -> _RoundMeans:
        count = self.answers
        return _RoundMeans(self.queue / count, self.trip, self.wait / count, 2 * self.at_limit > count)
