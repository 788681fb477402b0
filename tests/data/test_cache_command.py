"""``mtl cache``."""

import time
from pathlib import Path

import numpy as np
import pytest
from cache_kit import Stretch, open_cache, train_of, write_photos

from mtl.cli import cache as command
from mtl.cli.main import main
from mtl.data.loading.cache_store import Store
from mtl.data.sources.kept_arrays import WORTH, kept_arrays
from mtl.data.sources.limited import limited
from mtl.errors import UserError


def test_the_command_shows_and_clears(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "cache"
    place = f"data.cache_dir={folder}"
    assert main(["cache", place]) == 0
    assert capsys.readouterr().out == f"{folder} holds no cache; data.cache=true makes one\n"
    source = train_of(write_photos(tmp_path / "photos", 4))
    open_cache(limited(source, 3), folder)
    open_cache(source, folder)
    open_cache(source, folder, Stretch(8, inverted=True))
    older = folder / f"{'0' * 16}-{'1' * 16}"
    older.mkdir()
    (older / "images.npy").write_bytes(bytes(1000))
    (folder / "mine.txt").write_text("not a cache")
    large = tmp_path / "large.csv"
    large.write_bytes(bytes(WORTH))
    kept_arrays(large, folder / "index", "table 1", lambda: {"a": np.zeros(2000)})
    images, later = str(tmp_path / "photos" / "cat"), time.time() + 7200
    assert [row[:4] + row[5:] for row in command.rows(Store(folder).shards(), later)] == [
        [images, "Stretch image_size=8 inverted=True", "4", "7", "2 hours ago"],
        [images, "Stretch image_size=16 inverted=False", "4", "14", "2 hours ago"],
        ["", command.OLDER, "", "1", ""],
    ]
    assert main(["cache", place]) == 0
    said = capsys.readouterr().out
    assert f"in {folder}; clear=true deletes it" in said
    (row,) = [line for line in said.splitlines() if "large.csv" in line]
    assert row.split()[-8:] == [*command.INDEX.split(), "2", "1", "MB", "now"]
    assert main(["cache", place, "clear=true"]) == 0
    assert capsys.readouterr().out == f"1 MB freed in {folder}\n"
    assert {path.name for path in folder.iterdir()} == {"mine.txt", "index"}
    assert list((folder / "index").iterdir()) == []


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("clear", "clear: mtl cache takes data.cache_dir=FOLDER, data.index_dir=FOLDER and clear"),
        ("clear=yes", "clear=yes: choose one of true, false"),
        ("data.cache_dir=pyproject.toml", "data.cache_dir=pyproject.toml is no folder"),
    ],
)
def test_the_commands_mistakes(
    argument: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    with pytest.raises(UserError, match=message):
        command.run([argument])
