"""ls, doctor and completion."""

import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from mtl.cli.completion import query
from mtl.cli.doctor import OPTIONAL, REQUIRED

pytestmark = pytest.mark.slow


def test_groups_are_listed(mtl):
    lines = mtl("ls").out.splitlines()
    assert [line.split()[0] for line in lines][:4] == [
        "data",
        "preprocess",
        "augmentation",
        "views",
    ]
    assert any("the feature extractor" in line for line in lines)


def test_members_are_listed_with_the_default_marked(mtl):
    lines = mtl("ls", "backbone").out.splitlines()
    marked = [line for line in lines if line.startswith("*")]
    assert [line.split()[1] for line in marked] == ["small_cnn"]
    assert any("resnet18" in line and "ResNet-18" in line for line in lines)
    assert "_common" not in mtl("ls", "data").out


def test_comments_of_options_go_on_below_themselves(mtl, monkeypatch):
    whole = mtl("ls", "head/detection").out
    monkeypatch.setenv("COLUMNS", "80")
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr("mtl.cli.ls.sys", SimpleNamespace(stdout=terminal))
    lines = mtl("ls", "head/detection").out.splitlines()
    assert max(map(len, lines)) <= 80
    at = next(n for n, line in enumerate(lines) if line.startswith("target:"))
    assert lines[at + 1].startswith(" " * lines[at].index("#") + "# ")
    assert " ".join(lines).replace("# ", "").split() == whole.replace("# ", "").split()


def test_members_of_the_users_folder(mtl, tmp_path):
    (tmp_path / "my" / "backbone").mkdir(parents=True)
    (tmp_path / "my" / "backbone" / "mine.yaml").write_text("# My own.\n_target_: mine.Mine\n")
    assert "My own." in mtl("ls", "backbone", "--config-dir", "my").out
    assert "My own." in mtl("ls", "--config-dir=my", "backbone").out


def test_doctor(mtl):
    result = mtl("doctor")
    assert result.code == 0
    for name in ("python", "torch", "device", "free disk", "mtl[weights]"):
        assert name in result.out
    assert result.out.endswith("\neverything that is needed is there\n")


def test_doctor_misses_the_data(mtl, tmp_path):
    result = mtl("doctor", "data=voc_folder", "data.root=nowhere")
    assert result.code == 1
    assert "nowhere: no such folder" in result.out
    assert result.out.endswith("\n1 thing is missing: see the notes\n")
    (tmp_path / "full" / "JPEGImages").mkdir(parents=True)
    assert mtl("doctor", "data=voc_folder", "data.root=full").code == 0


@pytest.mark.parametrize(
    ("line", "choices"),
    [
        ("mtl tr", ["train"]),
        ("mtl ls bac", ["backbone"]),
        ("mtl train batch_s", ["batch_size="]),
        ("mtl train bac", ["backbone.", "backbone="]),
        ("mtl train backbone=resnet", ["backbone=resnet18", "backbone=resnet34"]),
        ("mtl train lr=1 heads.detection.we", ["heads.detection.weight="]),
        ("mtl train -m backbone=resnet18 see", ["seed="]),
    ],
)
def test_completion(line, choices):
    assert query(line)[: len(choices)] == choices


def test_completion_of_commands_cursor_runs_and_users_members(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "outputs/runs/shapes/1"
    run.mkdir(parents=True)
    (run / "config.yaml").touch()
    assert query("mtl predict run=") == ["run=outputs/runs/shapes/1"]
    assert query("mtl eval ru") == ["run="]
    assert "doctor" in query("mtl ")
    assert query("mtl train bac lr=3", point=6) == ["train"]
    (tmp_path / "my" / "backbone").mkdir(parents=True)
    (tmp_path / "my" / "backbone" / "mine.yaml").write_text("# Mine.\n")
    assert query("mtl train --config-dir my backbone=mi") == ["backbone=mine"]
    assert not any("hydra" in name for name in query("mtl train "))


def test_completion_script_and_its_query(mtl, monkeypatch):
    assert mtl("-sc", "install=bash").out.strip().endswith("mtl")
    monkeypatch.setenv("COMP_LINE", "mtl train opti")
    monkeypatch.setenv("COMP_POINT", "14")
    assert mtl("-sc", "query=bash").out == "optimizer. optimizer=\n"
    monkeypatch.setenv("COMP_LINE", "mtl train [[[ x=")
    assert mtl("-sc", "query=bash").code == 0


def test_doctor_asks_for_what_the_package_needs():
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    needed = {}
    for line in pyproject["project"]["dependencies"]:
        name, least = re.match(r"([\w-]+)[=>]=(\d+\.\d+)", line).groups()
        needed[name] = tuple(map(int, least.split(".")))
    assert needed == REQUIRED
    extras = pyproject["project"]["optional-dependencies"]
    for package, use in OPTIONAL.items():
        extra = re.search(r"mtl\[(\w+)\]", use)[1]
        assert any(line.startswith(package) for line in extras[extra])
