"""Where the function is and how to call it."""

from __future__ import annotations

from dataclasses import dataclass, field

from faceblur.base.errors import UsageError
from faceblur.base.options import BATCH_SECONDS, REQUEST_SECONDS
from faceblur.detection.local_function.worker_handle import Worker


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the function is and how to call it. Without `urls` it is started here, with `workers` and `env`.

    `headers` go with every request; `ca_file` holds the authorities to trust instead of the system's; `timeout` bounds
    one request and `give_up_after` all attempts of one batch, in seconds. `concurrency` is the limit on the requests in
    flight. None: it is adaptive, or, at the function on this machine, two above the number of workers. Some workers may
    have been `spawned` already. Raises UsageError for a `concurrency` or `workers` below 1, for a URL that is no HTTP
    address, and for what only a function elsewhere can have where there is none, and the reverse.
    """

    urls: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    ca_file: str | None = None
    timeout: float = REQUEST_SECONDS
    give_up_after: float = BATCH_SECONDS
    concurrency: int | None = None
    workers: int | None = None
    env: dict[str, str] = field(default_factory=dict)
    spawned: tuple[Worker, ...] = ()

    def __post_init__(self) -> None:
        for name, value in (("concurrency", self.concurrency), ("workers", self.workers)):
            if value is not None and value < 1:
                raise UsageError(f"{name}: {value} is less than 1")
        for url in self.urls:
            if not url.startswith(("http://", "https://")):
                raise UsageError(f"--function {url}: no HTTP address; is http://{url} meant?")
        if self.urls and (self.env or self.workers):
            raise UsageError("--env and --workers are for the function on this machine: not together with --function")
        if not self.urls and (self.headers or self.ca_file is not None):
            raise UsageError("--header and --ca-file are for a deployed function: give its address with --function")
