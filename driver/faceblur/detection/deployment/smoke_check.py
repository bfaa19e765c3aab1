"""Checks that a deployed function finds and hides one real face.

`python -m faceblur.detection.deployment.smoke_check URL` exits with 0 if it does, 1 if not, 2 if the call was wrong.
"""

from __future__ import annotations

import asyncio
import sys

from faceblur.base.errors import FaceblurError
from faceblur.detection.client import FunctionClient
from faceblur.detection.function_check import describe


async def check(url: str, *, patience: float = 120.0) -> str:
    """Check the function, and return one line about it. Raises FunctionError unless its face comes back blurred.

    `patience` is the time to wait for an answer, in seconds.
    """
    async with FunctionClient([url], concurrency=1, timeout=patience, give_up_after=patience) as client:
        await client.probe()
        return describe(await client.check())


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not arguments[0].startswith(("http://", "https://")):
        print("usage: python -m faceblur.detection.deployment.smoke_check URL", file=sys.stderr)
        return 2
    try:
        print(asyncio.run(check(arguments[0])))
    except FaceblurError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
