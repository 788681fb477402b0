"""Files of every kind, each harmed in every way: named, with what is wrong, or of no harm."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from broken_files import KINDS, NOT_TRIED

from mtl.errors import UserError

PAGE = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>gone</body></html>\n"
LONGEST = 400
"""Letters of a message beside the folder's name."""


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


HARMS: Mapping[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "empty": lambda file: file.write_bytes(b""),
    "cut": cut,
    "page": lambda file: file.write_bytes(PAGE),
    "noise": lambda file: file.write_bytes(np.random.default_rng(0).bytes(300)),
    "folder": folder,
}
CASES = [
    (kind, harm) for kind in KINDS for harm in HARMS if getattr(KINDS[kind], harm) != NOT_TRIED
]


def test_there_are_enough() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("kind", KINDS)
def test_whole_file_is_read(kind: str, tmp_path: Path) -> None:
    KINDS[kind].make(tmp_path)
    KINDS[kind].read(tmp_path)


@pytest.mark.parametrize(("kind", "harm"), CASES, ids=[f"{kind} {harm}" for kind, harm in CASES])
def test_broken_file_is_named(
    kind: str, harm: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tried, said = KINDS[kind], getattr(KINDS[kind], harm)
    file = tried.make(tmp_path)
    HARMS[harm](file)
    capfd.readouterr()
    if said is None:
        tried.read(tmp_path)
    else:
        with pytest.raises(UserError) as caught:
            tried.read(tmp_path)
        message = str(caught.value).replace(str(tmp_path), "")
        assert said in message
        assert file.name in message or harm in ("gone", "folder") or file.parent.name in message
        assert len(message) < LONGEST
        assert message.isprintable()
        for bad in ("pickle.load", "weights_only", "Traceback", "Errno"):
            assert bad not in message
    assert capfd.readouterr().err.strip() == ""
