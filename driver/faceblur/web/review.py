"""The review of some outputs: what is to be seen of each video, and what people decide about it."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from faceblur.auditing.finding_kinds import MASKED_BY_BOXES
from faceblur.auditing.mending import boxes_to_add
from faceblur.auditing.report import AuditReport, Finding
from faceblur.auditing.verdicts import append_verdict, key_of, verdicts_path
from faceblur.base.errors import FaceblurError, UsageError
from faceblur.jobs.checked_edits import KnownLines, append_checked
from faceblur.redaction.edit_operations import AddedFace, MaskedTrack, Operation, RemovedTrack
from faceblur.redaction.edits import read_edits
from faceblur.web.edit_log import edit_infos
from faceblur.web.edit_requests import operations
from faceblur.web.following import FollowRequest, follow_face
from faceblur.web.models import (
    EditsRequest,
    FollowedBoxes,
    FrameFaces,
    JobState,
    ShownFrame,
    VerdictRequest,
    VideoDetail,
    VideoSummary,
)
from faceblur.web.recorded_faces import RecordedFaces
from faceblur.web.stills import Layer, Stills, jpeg
from faceblur.web.video_list import (
    ReviewedVideo,
    as_utf8,
    audit_state,
    can_mask,
    finding_infos,
)

# Sidecars that are kept in memory: an hour of video takes up to 200 MB.
MAX_KEPT = 2


class NotThere(FaceblurError):
    """There is no such video, frame, finding or job."""


class ChangedMeanwhile(FaceblurError):
    """Somebody else made an edit: what was decided may be of another state."""


class Review:
    """The videos of a review. Its methods read and decode: call them in threads. They raise FaceblurError."""

    def __init__(self, videos: dict[str, ReviewedVideo]) -> None:
        self.videos = videos
        self._stills = Stills()
        self._recorded: OrderedDict[tuple[object, ...], RecordedFaces] = OrderedDict()
        self._lock, self._editing, self._following = threading.Lock(), threading.Lock(), threading.Lock()

    def video(self, key: str) -> ReviewedVideo:
        """A video that can be reviewed."""
        video = self.videos.get(key)
        if video is None:
            raise NotThere(f"there is no video {key!r:.40}")
        if video.problem is not None:
            raise UsageError(video.problem)
        return video

    def summary(self, video: ReviewedVideo, job: JobState | None) -> VideoSummary:
        """How far the review of a video is; a problem is part of it."""
        shown = VideoSummary(id=video.id, name=video.name, problem=video.problem, job=job)
        if video.problem is None:
            try:
                edits = read_edits(video.sidecar)
                shown.edits, shown.is_pending = len(edits.operations), video.is_pending(edits)
                shown.audit = audit_state(video, video.report(), video.verdicts())
            except FaceblurError as error:
                shown.problem = str(error)
        return shown

    def detail(self, video: ReviewedVideo, job: JobState | None) -> VideoDetail:
        """All that is to be reviewed of a video."""
        recorded, edits = self.recorded(video), read_edits(video.sidecar)
        report, verdicts = video.report(), video.verdicts()
        return VideoDetail(
            id=video.id,
            name=video.name,
            edits=len(edits.operations),
            is_pending=video.is_pending(edits),
            audit=audit_state(video, report, verdicts),
            job=job,
            source=as_utf8(str(video.source)),
            output=as_utf8(str(video.output)),
            frame_wh=recorded.header.frame_wh,
            streams=recorded.stream_infos(),
            tracks=recorded.tracks(edits),
            added=recorded.added(edits),
            log=edit_infos(edits),
            findings=finding_infos(report, verdicts),
        )

    def state_tag(self, video: ReviewedVideo) -> str:
        """What changes with each edit, each verdict, and each time that the output is written: an ETag."""
        digest = hashlib.sha256()
        digest.update(repr(list(read_edits(video.sidecar).log)).encode("utf-8", "backslashreplace"))
        for path in (verdicts_path(video.output), video.output, video.sidecar):
            digest.update(repr(_state_of(path)).encode())
        return f'"{digest.hexdigest()[:16]}"'

    def recorded(self, video: ReviewedVideo) -> RecordedFaces:
        """The sidecar of a video, from memory where it was read before."""
        key = (video.id, _state_of(video.sidecar))
        with self._lock:
            if key not in self._recorded:
                self._recorded[key] = RecordedFaces(video.source, video.sidecar)
            self._recorded.move_to_end(key)
            while len(self._recorded) > MAX_KEPT:
                self._recorded.popitem(last=False)
            return self._recorded[key]

    def faces(self, video: ReviewedVideo, stream: int, number: int) -> FrameFaces:
        """What is in a frame, with the edits."""
        return self._with_frame(video, stream, number).faces(stream, number, read_edits(video.sidecar))

    def shown(self, video: ReviewedVideo, stream: int, start: float, end: float) -> list[ShownFrame]:
        """What is in the frames that a player of the output shows from `start` to `end`, in seconds, with the edits."""
        return self._with_frame(video, stream, 0).shown(stream, start, end, read_edits(video.sidecar))

    def still(
        self,
        video: ReviewedVideo,
        layer: Layer,
        stream: int,
        number: int,
        crop: Sequence[float] | None,
        height: int | None,
    ) -> bytes:
        """A frame as JPEG, or a part of it."""
        recorded = self._with_frame(video, stream, number)
        path, where = (video.source, recorded.in_source) if layer == "source" else (video.output, recorded.in_output)
        frame = self._stills.frame(path, *where(path, stream, number), can_wait=crop is not None)
        if layer == "source":
            recorded.check_size(frame)
        return jpeg(frame, crop, height)

    def follow(self, video: ReviewedVideo, request: FollowRequest) -> FollowedBoxes:
        """Where a face is in the frames around the one in which it was drawn: one face after the other."""
        recorded = self._with_frame(video, request.stream, request.frame)
        with self._following:
            return follow_face(recorded, video.source, request)

    def edit(self, video: ReviewedVideo, request: EditsRequest, tag: str) -> None:
        """Append edits, if the state of the video is the one that they were made for."""
        recorded = self.recorded(video)
        with self._editing:  # of two edits of one state only the first one is made
            if tag != self.state_tag(video):
                raise ChangedMeanwhile(f"{video.name} was edited at the same time: look at it again")
            self._append(video, operations(request, recorded.times), request.by, request.reason)

    def judge(self, video: ReviewedVideo, key: str, request: VerdictRequest) -> None:
        """Take a verdict on a finding: `mask` and `no-face` make the edits too."""
        finding = _finding(video.report(), key)
        with self._editing:  # said twice at once, its edits are made once
            if request.verdict == video.verdicts().get(key):
                return  # said already, and its edits are made
            if edits := _edits_of(finding, request):
                self._append(video, edits, request.by, None)
            append_verdict(video.output, key, request.verdict, request.by)

    def _append(self, video: ReviewedVideo, edits: list[Operation], by: str, reason: str | None) -> None:
        recorded = self.recorded(video)
        known = KnownLines(recorded.sidecar_sha256, recorded.lines_about(edits))
        append_checked(video.source, video.sidecar, lambda _: edits, by=by, reason=reason or None, known=known)

    def _with_frame(self, video: ReviewedVideo, stream: int, number: int) -> RecordedFaces:
        recorded = self.recorded(video)
        if not recorded.has(stream, number):
            raise NotThere(f"{video.name}: stream {stream} has no frame {number}")
        return recorded


def _finding(report: AuditReport | None, key: str) -> Finding:
    listed = () if report is None else (*report.findings, *report.watch)
    found = next((one for one in listed if key_of(one) == key), None)
    if found is None:
        raise NotThere(f"there is no finding {key!r:.80}")
    return found


def _edits_of(finding: Finding, request: VerdictRequest) -> list[Operation]:
    """The edits that a verdict makes. Raises UsageError where it cannot be carried out."""
    if request.verdict == "mask":
        if not can_mask(finding):
            raise UsageError("this finding has neither a track nor boxes to mask: draw a box where the face is")
        if finding.kind in MASKED_BY_BOXES:
            return [AddedFace(one.box, one.start, one.end, finding.stream) for one in boxes_to_add(finding)]
        return (
            [] if finding.track is None or finding.kind == "exposed" else [MaskedTrack(finding.track, finding.stream)]
        )
    if request.verdict == "no-face" and finding.track is not None and finding.kind in ("short_track", "low_score"):
        return [RemovedTrack(finding.track, finding.stream)]
    return []


def _state_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
