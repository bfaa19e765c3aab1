"""Frames in, faces out: the detectors' interface, RetinaFace on ONNX Runtime and on PyTorch, and the second pass.

Only `load` imports the two implementations. Only the function's service, benchmarks and tests import this package's
modules that run a detector.
"""
