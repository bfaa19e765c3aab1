"""One file in, one redacted file out: the stages that a frame passes, the sidecar, render, images.

Comes in: a source, options, a client. Goes out: a complete output with its sidecar, and events. Imported by: jobs
and the packages above it.
"""
