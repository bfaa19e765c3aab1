"""Video and image files, and everything on PyAV: containers, codecs, pixel formats, HDR, metadata, damage.

Comes in: paths. Goes out: decoded frames and packets (`reader`), the same written again (`writer`), and pages of image
files (`images`). It draws no masks. Imported by: redaction and the packages above it; never by tracking or detection.
"""
