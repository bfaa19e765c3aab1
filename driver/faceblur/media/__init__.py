"""Everything on files: PyAV, containers, codecs, pixel formats, HDR, metadata, damage, images.

Comes in: paths. Goes out: decoded frames and packets, and the same written again. Imported by: redaction and the
packages above it; never by tracking or detection.
"""
