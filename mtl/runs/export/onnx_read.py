"""ONNX files of unknown origin, looked through and then run within limits.

A graph of a few bytes can ask for any amount of memory: Expand, Tile, Resize or Range make tensors
as large as a number says, a tensor put behind itself forty times is a million million times as
large, and how large things get may hang on what goes in. So it isn't read off the graph: all
tensors come from one store that has a limit.
"""

import os
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from google.protobuf.message import DecodeError

from mtl.errors import BadFile
from mtl.runs.export.onnx_safety import refuse_hostile
from mtl.runs.export.runner import Arrays, Runner
from mtl.runs.export.understood import KEY

MOST_BYTES = 2**31 - 1
"""Of a file: of a protobuf message."""
MOST_MEMORY = 8 * 2**30
"""Bytes that all files together may take, and no more than half of what there is."""


def read(path: Path) -> tuple[str, Runner]:
    """The description in a file of unknown origin, and what runs it.

    Raises:
        BadFile: it is broken, not one of ours, or holds what none of ours holds.
    """
    if path.stat().st_size > MOST_BYTES:
        raise BadFile(path, "is too large for an ONNX file")
    content = path.read_bytes()
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise BadFile(path, "can't be read as ONNX") from error
    notes = {entry.key: entry.value for entry in model.metadata_props}
    if KEY not in notes:
        raise BadFile(path, "is no file that mtl export wrote")
    refuse_hostile(model, path)
    return notes[KEY], _within_limits(content, path)


def _within_limits(content: bytes, path: Path) -> Runner:
    limit = _limited_memory()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is said by us
    options.add_session_config_entry("session.use_env_allocators", "1")
    try:
        session = onnxruntime.InferenceSession(
            content,
            options,
            providers=["CPUExecutionProvider"],
            # It runs parts of the graph in memory of its own.
            disabled_optimizers={"ConstantFolding"},
        )
    except Exception as error:  # ONNX Runtime's own kinds, which it doesn't share
        raise BadFile(path, f"can't be run ({_first_line(error)})") from error
    names = [output.name for output in session.get_outputs()]

    def run(image: npt.NDArray[np.generic]) -> Arrays:
        try:
            return dict(zip(names, session.run(names, {"image": image}), strict=True))
        except Exception as error:  # likewise
            reason = _first_line(error)
            if "smaller than requested bytes" in str(error):
                images = len(image)
                reason = f"{images} images at a time take more than {limit / 1e9:.1f} GB"
            raise BadFile(path, f"can't be run ({reason})") from error

    return run


@cache
def _limited_memory() -> int:
    """A store of limited size for tensors, for the whole process; its size in bytes."""
    limit = min(MOST_MEMORY, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
    place = onnxruntime.OrtMemoryInfo(
        "Cpu",
        onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
        0,
        onnxruntime.OrtMemType.DEFAULT,
    )
    # Not growing by powers of two, which would ask for twice what is needed.
    store = onnxruntime.OrtArenaCfg({"max_mem": limit, "arena_extend_strategy": 1})
    onnxruntime.create_and_register_allocator(place, store)
    return limit


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
