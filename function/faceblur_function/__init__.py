"""The Nuclio function: batches of frames in, the same frames without faces (or only the boxes) out."""

__version__ = "0.1.0"
