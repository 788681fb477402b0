"""ONNX Runtime on models that we have made ourselves."""

import onnxruntime

from mtl.runs.export.runner import Runner


def session(model: bytes) -> Runner:
    """What runs such a model, on the CPU."""
    run = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [output.name for output in run.get_outputs()]
    return lambda image: dict(zip(names, run.run(names, {"image": image}), strict=True))
