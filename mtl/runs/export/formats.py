"""The kinds of files that networks are exported to; nothing here imports torch."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from mtl.config.nearest import listing
from mtl.errors import UserError

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from mtl.runs.export.runner import Runner


class FormatModule(Protocol):
    """What the module of a format has: its writer, and what runs a file for the parity check."""

    def contents(
        self, program: "ExportedProgram", names: list[str], description: str, path: Path
    ) -> dict[Path, bytes]:
        """The files of an export.

        Args:
            program: from images to tensors.
            names: of the tensors.
            description: the text of ``mtl.runs.export.description``, which goes into the file.
            path: of the file that is named; others may lie beside it.
        """

    def opened(self, contents: Mapping[Path, bytes]) -> "Runner":
        """What runs such files, which are one's own, with what others would run them with."""


class ReaderModule(Protocol):
    """What reads a format's files of unknown origin."""

    def read(self, path: Path) -> tuple[str, "Runner"]:
        """The description in a file, and what runs it.

        Raises:
            BadFile: it is broken, not one of ours, or holds what none of ours holds.
        """


@dataclass(frozen=True)
class Format:
    """A kind of file; modules are imported when they are needed.

    Args:
        module: see ``FormatModule``.
        suffix: of the file's name.
        extra: of this package, that installs what it takes.
        packages: that it takes, as they are imported.
        reader: see ``ReaderModule``; empty where files of unknown origin aren't read.
        unsafe: why they aren't.
    """

    module: str
    suffix: str
    extra: str = ""
    packages: tuple[str, ...] = ()
    reader: str = ""
    unsafe: str = ""

    def load(self) -> FormatModule:
        """The module."""
        return cast(FormatModule, importlib.import_module(self.module))

    def load_reader(self) -> ReaderModule:
        """The reader."""
        return cast(ReaderModule, importlib.import_module(self.reader))

    @property
    def missing(self) -> list[str]:
        """What it takes and isn't installed."""
        return [package for package in self.packages if find_spec(package) is None]

    def refuse_missing(self, name: str) -> None:
        """See that everything that it takes is installed.

        Args:
            name: of the format.

        Raises:
            UserError: something isn't; says how it is installed.
        """
        if self.missing:
            raise UserError(
                f"format={name} needs {listing(self.missing)}: pip install 'mtl[{self.extra}]'"
            )


ONNX = ("onnx", "onnxscript", "onnxruntime")
FORMATS = {
    "onnx": Format(
        "mtl.runs.export.onnx_file", ".onnx", "export", ONNX, "mtl.runs.export.onnx_read"
    ),
    "torch_export": Format(
        "mtl.runs.export.torch_file",
        ".pt2",
        unsafe="torch unpickles parts of such files, which can run code",
    ),
    "openvino": Format(
        "mtl.runs.export.openvino_file",
        ".xml",
        "openvino",
        (*ONNX, "openvino"),
        unsafe="OpenVINO can't be kept from filling the memory for them",
    ),
}


def is_exported(path: Path) -> bool:
    """Whether a path is that of an exported file, by its ending."""
    return path.suffix in {form.suffix for form in FORMATS.values()}
