"""The wheel, built without the network and used outside the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="hatchling builds the wheel")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_every_configuration_is_packed(unpacked):
    here, there = REPOSITORY / "conf", unpacked / "mtl" / "conf"
    files = {path.relative_to(here) for path in here.rglob("*.yaml")}
    assert files == {path.relative_to(there) for path in there.rglob("*.yaml")}


def test_command_works_outside_the_checkout(unpacked, tmp_path):
    def mtl(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "mtl", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(unpacked)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    where = subprocess.run(
        [sys.executable, "-c", "from mtl.config.paths import conf_dir; print(conf_dir())"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()) == unpacked / "mtl" / "conf"
    assert "small_cnn" in mtl("ls", "backbone")
    assert "mtl.model.head.box.Box" in mtl("train", "--cfg", "job", "tasks=[box]")


def test_the_report_s_templates_are_packed(unpacked):
    here, there = (root / "mtl/runs/page/template" for root in (REPOSITORY, unpacked))
    files = {path.name for path in here.iterdir()}
    assert {"page.html", "style.css", "charts.js"} <= files
    assert files == {path.name for path in there.iterdir()}
