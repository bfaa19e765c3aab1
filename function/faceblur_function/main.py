"""The Nuclio entry points: `init_context` loads the model, `handler` answers one HTTP request.

No exception leaves the handler: the platform would send its traceback to the caller. Wrong input is a 4xx with a JSON
error. A request for which the memory is not enough is a 507. A GPU error after which no other request can succeed ends
the process: the platform starts another. A bug in the function is a 500 with an id, under which the
log has the traceback. Nothing of an image is logged.
"""

from __future__ import annotations

import os
import re
import traceback
import uuid
from typing import Any

from faceblur_function import cvat, images, wire
from faceblur_function.defaults import ran_out_of_memory
from faceblur_function.detectors.detector import DetectorError
from faceblur_function.service import Service
from faceblur_function.settings import Settings

# After these the process has to be terminated and relaunched, says the documentation of CUDA's cudaError:
# https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html
DEVICE_LOST = re.compile(
    "CUDA error: .*(illegal memory access|illegal instruction|misaligned address|device-side assert|launch failure"
    "|launch timed out|hardware stack error|invalid program counter|global/shared address space)"
)


def init_context(context: Any) -> None:
    """Load and warm the model. A model that cannot be loaded ends the process with one line."""
    try:
        service = Service(Settings.from_environment())
    except DetectorError as error:
        # Not an exception with a traceback: the wrapper prints this line and exits with 1, and the deploy shows it.
        raise SystemExit(f"faceblur cannot start: {error}") from None
    context.user_data.service = service
    # Called after the event at hand. Without it the platform waits 10 s for a process that never ends by itself.
    context.platform.set_termination_callback(lambda: os._exit(0))
    context.logger.info_with(
        "model loaded",
        model=service.detector.name,
        weights_sha256=service.detector.weights_sha256,
        provider=service.detector.provider,
        device=service.detector.device,
        threads=service.settings.cpu_threads,
        verifier=service.verifier.name if service.verifier else service.verifier_error or "none",
        **service.detector.status(),
    )


def handler(context: Any, event: Any) -> Any:
    """Answer one request: `GET /`, `GET /check`, a batch, one image, or CVAT's form."""
    try:
        status, body, content_type = _answer(context.user_data.service, event)
        return context.Response(body=body, headers={}, content_type=content_type, status_code=status)
    except wire.WireError as error:
        return _refusal(context, error)
    except Exception as error:
        if ran_out_of_memory(error):
            context.logger.error_with("the memory ran out", reason=str(error)[:200])
            why = "the function's memory ran out: give it more, or fewer workers"
            return _refusal(context, wire.WireError("out_of_memory", why, status=507))
        if DEVICE_LOST.search(str(error)):
            context.logger.error_with("the GPU failed: this process ends", reason=str(error).splitlines()[0][:200])
            os._exit(1)  # with 0 the platform would keep a worker that answers nothing
        error_id = uuid.uuid4().hex[:12]
        context.logger.error_with("request failed", id=error_id, traceback=traceback.format_exc())
        why = f"internal error; the function's log has the details under {error_id}"
        return _refusal(context, wire.WireError("internal", why, status=500))


def _refusal(context: Any, error: wire.WireError) -> Any:
    body, status = error.to_json(), error.status
    return context.Response(body=body, headers={}, content_type="application/json", status_code=status)


def _answer(service: Service, event: Any) -> tuple[int, str | bytes, str]:
    """The status, the body and its content type. Raises WireError."""
    path, method = _text(event.path) or "/", _text(event.method)
    if path == "/check":
        if method != "GET":
            raise wire.WireError("method_not_allowed", "use GET /check", status=405)
        check = service.check()
        return 200 if check.ok else 503, check.model_dump_json(exclude_none=True), "application/json"
    if path != "/":
        raise wire.WireError("not_found", "the function answers GET /, GET /check and POST / only", status=404)
    if method == "GET":
        return 200, service.info(), "application/json"
    if method != "POST":
        raise wire.WireError("method_not_allowed", "use GET / or POST /", status=405)
    return 200, *_redacted(service, event)


def _redacted(service: Service, event: Any) -> tuple[str | bytes, str]:
    """What `POST /` answers: the body and its content type. Raises WireError."""
    # Nuclio 1.14.1 gives a CloudEvent without `data` that of the one before: somebody else's pictures. Its kind is what
    # the event states as its source.
    if _text(event.trigger.kind) != "http":
        raise wire.WireError("cloud_event", "the function takes no CloudEvents: send the body by itself")
    if images.looks_like_image(event.body) or _text(event.content_type).startswith("image/"):
        options = wire.parse_options({_text(name): _text(value) for name, value in event.fields.items()})
        return service.image(event.body or b"", options), f"image/{options.format}"
    body = wire.parse_json(event.body)
    if cvat.is_cvat(body):
        return service.annotate(body), "application/json"
    return service.batch(wire.parse_request(body)), "application/json"


def _text(value: Any) -> str:
    """A string of an event. With NUCLIO_PYTHON_DECODE_EVENT_STRINGS=false the platform passes bytes, of any kind."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
