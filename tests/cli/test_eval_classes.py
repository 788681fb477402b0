"""``mtl eval`` on folders whose classes are not those of the training, in number or order."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

COLOURS = {"a": (220, 20, 20), "b": (20, 220, 20), "c": (20, 20, 220), "d": (200, 200, 20)}


def folder(root: Path, *names: str) -> Path:
    """Pictures that are told apart by their colour, as train and as test."""
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in names:
            (root / split / name).mkdir(parents=True)
            for number in range(6):
                pixels = np.array(COLOURS[name]) + rng.integers(0, 20, (16, 16, 3))
                path = root / split / name / f"{number}.png"
                Image.fromarray(pixels.astype(np.uint8)).save(path)
    return root


@pytest.fixture
def run(mtl, tmp_path: Path) -> Path:
    root = folder(tmp_path / "abc", "a", "b", "c")
    result = mtl(
        "train", "data=image_folder", f"data.root={root}", "image_size=16", "batch_size=6",
        "lr=3e-3", "epochs=20", "data.workers=0", "trainer=cpu", "augmentation=none",
        "hydra.run.dir=run", "logger=none",
    )  # fmt: skip
    assert result.code == 0, result.err
    return tmp_path / "run"


def test_names_decide(run: Path, mtl, tmp_path: Path) -> None:
    def accuracy(root: Path) -> tuple[float, str]:
        result = mtl("eval", f"run={run}", f"data.root={root}")
        assert result.code == 0, result.err
        written = json.loads((run / "eval" / "test.json").read_text())
        return written["metrics"]["test/classification/accuracy"], result.out

    assert accuracy(tmp_path / "abc")[0] == 1
    value, said = accuracy(folder(tmp_path / "bcd", "b", "c", "d"))
    assert value == 1
    assert (
        "label: evaluated on b, c, the classes in common; the data has b, c, d, the run knows "
        "a, b, c" in said
    )
    value, said = accuracy(folder(tmp_path / "c", "c"))
    assert value == 1
    assert "evaluated on c" in said

    result = mtl("eval", f"run={run}", f"data.root={folder(tmp_path / 'd', 'd')}")
    assert result.code == 2
    assert "it has d; the run knows a, b, c" in result.err
