"""Face detectors: their interface, RetinaFace on ONNX Runtime and on PyTorch, and how one is loaded by name."""
