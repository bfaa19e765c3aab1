"""CVAT's detector contract: one base64 image in, a list of labelled rectangles out.

CVAT does not filter by score itself, and ends the job on any HTTP error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from faceblur_function.errors import WireError
from faceblur_function.wire import Face

LABEL = "face"  # the one name in function.yaml's annotation `spec`


class CvatRequest(BaseModel):
    """`{"image": "<base64>", "threshold": 0.5}`; CVAT leaves the threshold out when it is not set."""

    model_config = ConfigDict(extra="ignore", strict=True)

    image: str
    threshold: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None


def is_cvat(body: dict[str, Any]) -> bool:
    """Whether a request has CVAT's form."""
    return "image" in body and "frames" not in body


def parse_cvat(body: dict[str, Any]) -> CvatRequest:
    """Validate CVAT's request. Raises WireError."""
    try:
        return CvatRequest.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = "".join(f"{name}: " for name in first["loc"][:1])
        raise WireError("bad_request", f"{where}{first['msg'].lower()}") from None


def rectangles(faces: Iterable[Face]) -> str:
    """The faces as CVAT's JSON list."""
    return json.dumps(
        [
            {"confidence": str(face.score), "label": LABEL, "points": list(face.box), "type": "rectangle"}
            for face in faces
        ]
    )
