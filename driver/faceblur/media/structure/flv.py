"""FLV: tags of audio, video or data, each followed by its length."""

from __future__ import annotations

from faceblur.media.structure.structure import Content, Fault, Videos, VideoTrack, check_end, is_padding

VIDEO, KINDS = 9, {8, 9, 18, 15}  # audio, video, data of two kinds
COMMAND = 5  # a video tag of no picture
AVC, AVC_PICTURE = {7, 12}, 1  # H.264 and, as some write it, HEVC: beside pictures they have headers
EXTENDED, EXTENDED_PICTURES = 0x80, {1, 3}


def flv(content: Content) -> Videos:
    """The frames of an FLV file's video. Raises Fault."""
    size, at, frames = len(content), int.from_bytes(content[5:9]) + 4, 0
    while at + 11 <= size:
        if is_padding(content, at):
            break
        kind, length = content[at], 11 + int.from_bytes(content[at + 1 : at + 4])
        check_end(at + length + 4, size)
        if int.from_bytes(content[at + length : at + length + 4]) not in (length, length - 11, 0):
            raise Fault(f"damaged: the tag at byte {at} does not end where its length says")
        if kind & 0x1F not in KINDS:
            raise Fault(f"damaged: the tag at byte {at} is of no kind that there is")
        frames += kind & 0x1F == VIDEO and _is_picture(content[at + 11 : at + min(length, 13)])
        at += length + 4
    if at < size and not is_padding(content, at):
        raise Fault("cut short: its last tag is not complete")
    return [VideoTrack(frames)] if frames else None


def _is_picture(head: bytes) -> bool:
    """Whether a video tag that begins so holds a picture."""
    if len(head) < 2:
        return False
    if head[0] & EXTENDED:
        return head[0] & 0x0F in EXTENDED_PICTURES and head[0] >> 4 & 7 != COMMAND
    return head[0] >> 4 != COMMAND and (head[0] & 0x0F not in AVC or head[1] == AVC_PICTURE)
