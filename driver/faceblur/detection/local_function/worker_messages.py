"""How a worker process and the driver exchange messages: pickled, each behind its length."""

from __future__ import annotations

import pickle
import struct
from typing import IO, Any

Stream = IO[bytes]
EncodedMessage = tuple[bytes, bytes]
LENGTH = struct.Struct(">Q")


def encode_message(message: object) -> EncodedMessage:
    """The length and the content, in two parts so that a large content is not copied."""
    content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(content)), content


def send(stream: Stream, message: object) -> None:
    stream.writelines(encode_message(message))
    stream.flush()


def receive(stream: Stream) -> Any:
    """The next message. Raises EOFError when the other side is gone."""
    header = stream.read(LENGTH.size)
    if len(header) < LENGTH.size:
        raise EOFError
    return pickle.loads(stream.read(LENGTH.unpack(header)[0]))
