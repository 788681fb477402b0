"""Files that call themselves checkpoints."""

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from mtl.errors import BadFile, UserError
from mtl.learning.checkpoints import read_checkpoint
from mtl.runs.prediction.predictor import trained_targets


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch mark",)


def saved(path: Path, content: object) -> None:
    torch.save(content, path)


def archived(path: Path) -> None:
    """A zip file as torch writes them, with a program for pickle inside."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps(Evil(), 2))
        archive.writestr("a/version", "3\n")


WRITERS = {
    "a command": lambda path: saved(path, {"state_dict": Evil()}),
    "a command in a plain pickle": lambda path: path.write_bytes(pickle.dumps(Evil())),
    "a command in an archive": archived,
    "a whole module": lambda path: saved(path, torch.nn.Linear(1, 1)),
    "nothing": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(bytes(range(256)) * 9),
    "half an archive": lambda path: path.write_bytes(b"PK\x03\x04" + bytes(60)),
    "a list": lambda path: saved(path, [1]),
    "no tensors": lambda path: saved(path, {"state_dict": {"a": 1}}),
    "numbers as names": lambda path: saved(path, {"state_dict": {1: torch.ones(1)}}),
    "no weights": lambda path: saved(path, {"mtl": {}}),
}


@pytest.mark.parametrize("name", WRITERS)
def test_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    WRITERS[name](tmp_path / "best.ckpt")
    with pytest.raises(BadFile) as error:
        read_checkpoint(tmp_path / "best.ckpt")
    assert "\n" not in str(error.value)
    assert not Path("mark").exists()


@pytest.mark.parametrize("own", [None, [], {"targets": 3}, {"targets": {"a": 1}}, {"targets": [1]}])
def test_names_of_classes_that_are_none(tmp_path: Path, own: object) -> None:
    saved(tmp_path / "best.ckpt", {"state_dict": {"w": torch.ones(1)}, "mtl": own})
    with pytest.raises(UserError, match="does not hold the names of its classes"):
        trained_targets(tmp_path / "best.ckpt")
