"""Reading CIFAR's files: finding, checking, downloading and reading them."""

from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import numpy.typing as npt
from torchvision.datasets import CIFAR10, CIFAR100
from torchvision.datasets.utils import check_integrity, download_and_extract_archive

from mtl.data.sources.plain_pickle import read_pickle
from mtl.errors import BadFile, UserError
from mtl.words import counted

SIDE = 32


class CifarFolder:
    """The files of CIFAR-10 or CIFAR-100 in their python layout.

    Args:
        reader: torchvision's class, which knows the files' names, checksums and address.
        root: folder that holds ``reader.base_folder``, or that folder itself.
        key: the configuration's name for ``root``, for messages.
        label_keys: label column to the batch files' name for it.
        meta_keys: label column to the meta file's name for its class names.
    """

    def __init__(
        self,
        reader: type[CIFAR10],
        root: Path,
        key: str,
        label_keys: dict[str, str],
        meta_keys: dict[str, str],
    ) -> None:
        self.reader = reader
        self.root = root
        self.key = key
        self.label_keys = label_keys
        self.meta_keys = meta_keys

    @classmethod
    def cifar10(cls, root: str, key: str = "data.root") -> "CifarFolder":
        """CIFAR-10: ten classes in the column ``label``."""
        return cls(
            CIFAR10,
            Path(root),
            key,
            label_keys={"label": "labels"},
            meta_keys={"label": "label_names"},
        )

    @classmethod
    def cifar100(cls, root: str, key: str = "data.root") -> "CifarFolder":
        """CIFAR-100: a hundred classes in ``fine``, their twenty groups in ``coarse``."""
        return cls(
            CIFAR100,
            Path(root),
            key,
            label_keys={"fine": "fine_labels", "coarse": "coarse_labels"},
            meta_keys={"fine": "fine_label_names", "coarse": "coarse_label_names"},
        )

    @property
    def path(self) -> Path:
        """The folder with the batch files."""
        inner = self.root / self.reader.base_folder
        direct = (self.root / self.reader.meta["filename"]).is_file()
        return self.root if direct and not inner.is_dir() else inner

    def prepare(self, download: bool, verify: bool) -> None:
        """Download where asked for and check the files.

        Raises:
            UserError: a file is missing or, with ``verify``, not the published one.
        """
        meta = self.reader.meta
        files = [*self.reader.train_list, *self.reader.test_list, (meta["filename"], meta["md5"])]
        if download and not all((self.path / name).is_file() for name, _ in files):
            self._download()
        for name, md5 in files:
            path = self.path / name
            if not path.is_file():
                raise UserError(
                    f"{path} is missing: point {self.key} at the folder that holds "
                    f"{self.reader.base_folder}, or set data.download=true"
                )
            if verify and not check_integrity(path, md5):
                raise UserError(
                    f"{path} differs from the published file: "
                    "get it again, or accept it with data.verify=false"
                )

    def _download(self) -> None:
        try:
            download_and_extract_archive(
                self.reader.url, self.root, filename=self.reader.filename, md5=self.reader.tgz_md5
            )
        except (URLError, RuntimeError, OSError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{self.reader.url} could not be downloaded: {reason}") from error

    def classes(self) -> dict[str, tuple[str, ...]]:
        """Label column to class names.

        Raises:
            BadFile: the file can't be read or holds no names.
        """
        path = self.path / self.reader.meta["filename"]
        meta = _load(path)
        try:
            return {name: tuple(map(str, meta[key])) for name, key in self.meta_keys.items()}
        except (KeyError, TypeError) as error:
            raise BadFile(path, f"lacks the class names {error}") from error

    def read(self, train: bool) -> tuple[npt.NDArray[np.uint8], dict[str, npt.NDArray[np.int64]]]:
        """All images of the official training or test part, however many the files hold.

        Returns:
            (N, 32, 32, 3) uint8, and label column to (N,) int64.

        Raises:
            BadFile: a file can't be read, or what it says makes no sense.
        """
        files = self.reader.train_list if train else self.reader.test_list
        counts = {name: len(names) for name, names in self.classes().items()}
        parts = [self._read_batch(self.path / name, counts) for name, _ in files]
        images = np.concatenate([images for images, _ in parts])
        labels = {name: np.concatenate([part[name] for _, part in parts]) for name in counts}
        return images, labels

    def _read_batch(
        self, path: Path, counts: dict[str, int]
    ) -> tuple[npt.NDArray[np.uint8], dict[str, npt.NDArray[np.int64]]]:
        batch = _load(path)
        data = batch.get("data")
        row = 3 * SIDE * SIDE
        if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (row,):
            raise BadFile(path, f"its data is not rows of {row} bytes")
        labels = {}
        for name, key in self.label_keys.items():
            try:
                column = np.asarray(batch.get(key), np.int64)
            except (TypeError, ValueError, OverflowError) as error:
                raise BadFile(path, f"its {key} are not numbers") from error
            if column.shape != (len(data),):
                number = counted(len(data), "image")
                raise BadFile(path, f"has {number}, but not one of its {key} for each")
            if len(column) and not 0 <= column.min() <= column.max() < counts[name]:
                raise BadFile(path, f"its {key} are not all within 0 to {counts[name] - 1}")
            labels[name] = column
        images = data.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
        return np.ascontiguousarray(images), labels


def _load(path: Path) -> dict[str, Any]:
    try:
        content = read_pickle(path.read_bytes())
    except Exception as error:  # a damaged pickle can raise anything
        system = error.strerror if isinstance(error, OSError) else None
        reason = system or " ".join(str(error).split()) or type(error).__name__
        raise BadFile(path, f"is not a readable CIFAR file: {reason}") from error
    if not isinstance(content, dict):
        raise BadFile(path, "is not a CIFAR file: it holds no dictionary")
    return content
