"""The function in worker processes of this machine: each event goes to a free one, as on the platform.

503 when no worker becomes free, 500 with a traceback when the handler raises, 408 and a restarted worker after
`eventTimeout`. A worker that answers 507 is restarted too. Unlike a pod, the pool survives a worker that dies: it is
started again, and its event has no answer. When that happens MAX_DEATHS times in a row, or when none can be started
again, the error says so.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from typing import Any, NoReturn, Self

from faceblur.base.errors import Unavailable, UsageError
from faceblur.detection.local_function.event_mapping import EventResponse, answer_of
from faceblur.detection.local_function.function_yaml import FunctionConfig
from faceblur.detection.local_function.worker_handle import KeepsDying, NoWorkerLeft, Worker, WorkerDied
from faceblur.detection.local_function.worker_messages import encode_message
from faceblur_function.defaults import ran_out_of_memory

log = logging.getLogger("faceblur.function")
# Of workers, without a reply in between: each is started again, until it is clear that the next one dies too.
MAX_DEATHS = 3
# The status after which a worker is started anew: where an allocation failed, OpenVINO may wait for ever in the next.
OUT_OF_MEMORY = 507


class WorkerPool:
    """The workers of a function while the context is open.

    Raises UsageError when the function cannot start, Unavailable when the memory is not enough. Workers that were
    `spawned` for an equal `config` are used.
    """

    def __init__(self, config: FunctionConfig, *, spawned: Sequence[Worker] = ()) -> None:
        self.config = config
        ready = {worker.number: worker for worker in spawned if worker.config == config}
        self._workers = [ready.get(number) or Worker(config, number) for number in range(config.workers)]
        self._free: asyncio.Queue[Worker] = asyncio.Queue()
        self._events: set[asyncio.Task[EventResponse]] = set()
        self._restarts: set[asyncio.Task[None]] = set()
        self._closing = self._draining = False
        self._deaths, self._lost = 0, ""
        self._is_lost = asyncio.Event()
        self._opened = 0.0
        # After a time-out a worker is free at once, and refuses until it has started again.
        self._stopped: set[Worker] = set()

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._workers]

    async def __aenter__(self) -> Self:
        try:
            await asyncio.gather(*(worker.start() for worker in self._workers))
        except BaseException as error:
            await self._close()
            if isinstance(error, WorkerDied):
                kind = Unavailable if ran_out_of_memory(error) else UsageError
                raise kind(f"the function did not start: {_with_way_out(error)}") from error
            raise
        for worker in self._workers:
            self._free.put_nowait(worker)
        self._opened = time.monotonic()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def _close(self) -> None:
        self._closing = True
        await _cancel(self._restarts)
        await asyncio.gather(*(worker.stop() for worker in self._workers))
        await _cancel(self._events)  # those that still wait for a worker

    async def until_lost(self) -> NoReturn:
        """Wait until no worker is left, and none can be started again. Raises Unavailable then."""
        await self._is_lost.wait()
        raise Unavailable(f"the function gave up: {self._lost}")

    async def drain(self, seconds: float) -> None:
        """Answer what has arrived, for so many seconds at most, and refuse the rest, as a pod does that ends."""
        self._draining = True
        if self._events:
            await asyncio.wait(set(self._events), timeout=seconds)

    async def answer(self, event: dict[str, Any]) -> EventResponse:
        """The answer to an event. Raises WorkerDied where there is none, MemoryError.

        A caller that does not wait for it takes nothing back: the worker goes on with the event.
        """
        task = asyncio.create_task(self._answer(event))
        self._events.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[EventResponse]) -> None:
        self._events.discard(task)
        # asyncio warns of an error that nobody reads: this one's caller may have gone.
        if not task.cancelled():
            task.exception()

    async def _answer(self, event: dict[str, Any]) -> EventResponse:
        if self._lost:
            raise NoWorkerLeft(self._lost)
        if self._draining:
            return EventResponse(503)
        try:
            worker = await self._take_worker()
        except TimeoutError:
            return EventResponse(503)
        if worker in self._stopped:
            self._free.put_nowait(worker)
            return EventResponse.of_text(500, "Processor not ready (current status: stopped)")
        return await self._call(worker, event)

    async def _call(self, worker: Worker, event: dict[str, Any]) -> EventResponse:
        try:
            message = encode_message(event)
        except MemoryError:
            self._free.put_nowait(worker)
            raise
        try:
            reply = await asyncio.wait_for(worker.call(message), self._seconds_left())
        except TimeoutError:
            log.error("event time-out after %g s: the worker is restarted", self.config.event_timeout)
            self._stopped.add(worker)
            self._free.put_nowait(worker)
            self._restart(worker)
            return EventResponse.of_text(408, '{"error": "handler timed out"}')
        except WorkerDied as error:
            if not self._closing:
                log.error("a worker died: %s", error)
            self._restart(worker)
            self._deaths += 1
            if self._deaths > MAX_DEATHS:
                how_often = f"its worker died {self._deaths} times in a row, as -vv shows"
                raise KeepsDying(f"{how_often}: {_with_way_out(error)}") from error
            raise
        except BaseException:
            self._restart(worker)
            raise
        self._deaths, answer = 0, answer_of(reply)
        if answer.status == OUT_OF_MEMORY:
            self._restart(worker)
        else:
            self._free.put_nowait(worker)
        return answer

    def _seconds_left(self) -> float | None:
        """How long an event may take from now: the platform looks once in every `eventTimeout`, so up to twice that."""
        every = self.config.event_timeout
        if every is None:
            return None
        since = time.monotonic() - self._opened
        return (math.floor(since / every) + 2) * every - since

    async def _take_worker(self) -> Worker:
        while True:
            if not self._free.empty():
                worker = self._free.get_nowait()
            else:
                worker = await asyncio.wait_for(self._free.get(), self.config.worker_timeout)
            if worker in self._workers:  # not one that did not start again
                return worker
            if self._lost:
                raise NoWorkerLeft(self._lost)

    def _restart(self, worker: Worker) -> None:
        if self._closing:
            return

        async def again() -> None:
            await worker.stop()
            try:
                await worker.start()
            except (WorkerDied, OSError, MemoryError) as error:
                why = _with_way_out(error)
                log.error("a worker did not start again: %s", why)
                self._workers.remove(worker)
                await worker.stop()
                if not self._workers:
                    self._lost = f"its workers do not start again: {why}"
                    self._is_lost.set()
                    for _ in self._events:  # those that wait for a worker
                        self._free.put_nowait(worker)
                return
            if worker in self._stopped:
                self._stopped.remove(worker)
            else:
                self._free.put_nowait(worker)

        task = asyncio.create_task(again())
        self._restarts.add(task)
        task.add_done_callback(self._restarts.discard)


def _with_way_out(error: WorkerDied | OSError | MemoryError) -> str:
    """Why a worker died or did not start, and what helps."""
    why = str(error) or type(error).__name__
    return f"{why}; give the function more memory, or fewer --workers" if ran_out_of_memory(error) else why


async def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
