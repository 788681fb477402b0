"""``format=torch_export``: a program that ``torch.export.load`` reads."""

import io
from collections.abc import Mapping
from pathlib import Path

import torch
from torch.export import ExportedProgram

from mtl.runs.export.runner import Runner
from mtl.runs.export.trace import quiet
from mtl.runs.export.understood import KEY

DESCRIPTION = f"{KEY}.json"
"""Name of the description among the archive's extra files."""


def contents(
    program: ExportedProgram, names: list[str], description: str, path: Path
) -> dict[Path, bytes]:
    """See ``FormatModule``; the description is one of the archive's extra files."""
    buffer = io.BytesIO()
    with quiet():
        torch.export.save(program, buffer, extra_files={DESCRIPTION: description})
    return {path: buffer.getvalue()}


def opened(contents: Mapping[Path, bytes]) -> Runner:
    """See ``FormatModule``; by torch, which may run what a stranger's file holds."""
    (archive,) = contents.values()
    with quiet():
        run = torch.export.load(io.BytesIO(archive)).module()

    @torch.no_grad()
    def runner(image):  # type: ignore[no-untyped-def]
        return {name: value.numpy() for name, value in run(torch.from_numpy(image)).items()}

    return runner
