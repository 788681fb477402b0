"""CIFAR-10 and CIFAR-100 with a few images of noise, in the published files' format."""

import pickle
from pathlib import Path

import numpy as np


def make_cifar(root: Path) -> Path:
    """Write ``cifar-10-batches-py`` (20 and 4 images) and ``cifar-100-python`` likewise.

    Args:
        root: where to; returned.
    """
    rng = np.random.default_rng(0)

    def write(path: Path, count: int, **labels: list[int]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        data = rng.integers(0, 255, (count, 3072)).astype(np.uint8)
        path.write_bytes(pickle.dumps({"data": data, **labels}, protocol=2))

    ten, hundred = root / "cifar-10-batches-py", root / "cifar-100-python"
    for number in range(1, 6):
        write(ten / f"data_batch_{number}", 4, labels=[number] * 4)
    write(ten / "test_batch", 4, labels=[1, 2, 3, 4])
    names = {"label_names": [f"a{i}" for i in range(10)]}
    (ten / "batches.meta").write_bytes(pickle.dumps(names, protocol=2))
    for split, count in (("train", 20), ("test", 4)):
        fine = list(range(count))
        write(hundred / split, count, fine_labels=fine, coarse_labels=fine)
    names = {
        "fine_label_names": [f"f{i}" for i in range(100)],
        "coarse_label_names": [f"c{i}" for i in range(20)],
    }
    (hundred / "meta").write_bytes(pickle.dumps(names, protocol=2))
    return root
