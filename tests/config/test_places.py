"""Paths and quoting as they are typed."""

import shlex
from pathlib import Path

import pytest

from mtl.cli.main import at_home
from mtl.config.load import load
from mtl.config.overrides import in_quotes, parse
from mtl.config.places import settle_places
from mtl.errors import UserError


@pytest.mark.parametrize("value", ["été", "a b(c", "it's", 'say "x"', "$b é", "猫,", "a\\é", "!é`"])
def test_the_hint_works_when_typed_into_a_shell(value: str) -> None:
    [typed] = shlex.split(in_quotes(f"data.root={value}"))
    assert parse(typed).value() == value.strip("'\"")


def test_the_hint_is_given(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"""; write "data\.root='été'"$"""):
        parse("data.root=été")


@pytest.mark.parametrize("text", ["data.root=", "data.root=''", "data.root='  '"])
def test_an_empty_folder_is_not_the_current_one(text: str) -> None:
    with pytest.raises(UserError, match=r"data\.root= is empty: write data\.root=FOLDER"):
        load(["data=image_folder", text])


def test_home_is_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "photos").mkdir()
    cfg = load(["data=image_folder", "data.root='~/photos'", "data.cache_dir='~/cache'"])
    assert cfg.data.root == str(tmp_path / "photos")
    assert cfg.data.cache_dir == str(tmp_path / "cache")


@pytest.mark.parametrize("argument", ["out=~/a b", "data.root=~", "run=~/x=y"])
def test_home_needs_no_quotes_on_the_command_line(argument: str) -> None:
    home = str(Path("~").expanduser())
    assert at_home(argument) == argument.replace("~", home)
    assert at_home("~/x") == "~/x"
    assert at_home("key=a~b") == "key=a~b"


def test_relative_paths_keep_their_meaning_in_another_folder() -> None:
    values = {
        "data": {"root": "photos", "root100": "/all", "cache_dir": "cache"},
        "logger": {"mlflow": {"store": "outputs"}, "csv": {}},
        "backbone": {"weights": "w.pt"},
        "encoder": {"backbones": [{"weights": "imagenet"}, {"weights": "v.pt"}]},
    }
    settle_places(values, Path("/begun"))
    assert values == {
        "data": {"root": "/begun/photos", "root100": "/all", "cache_dir": "/begun/cache"},
        "logger": {"mlflow": {"store": "/begun/outputs"}, "csv": {}},
        "backbone": {"weights": "/begun/w.pt"},
        "encoder": {"backbones": [{"weights": "imagenet"}, {"weights": "/begun/v.pt"}]},
    }
