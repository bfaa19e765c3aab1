"""Links detections over time: boxes, camera motion, scene cuts, which frames are searched, the tracker.

Comes in: detections and thumbnails. Goes out: the boxes to mask in each frame. Imported by: redaction and the
packages above it; never by media or detection.
"""
