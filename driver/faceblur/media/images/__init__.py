"""Image files. Comes in: paths (`image_reader`). Goes out: pages of planes, and bytes of the same format.

Imported by: redaction and the packages above it.
"""
