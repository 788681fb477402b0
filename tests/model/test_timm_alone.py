"""Packages that others would import for nothing."""

import importlib
import sys
import types

import pytest

from mtl.model.backbone.timm_alone import hidden, timm


def test_what_is_hidden_is_missing_for_a_while() -> None:
    sys.modules.pop("wave", None)
    with pytest.raises(ModuleNotFoundError), hidden("wave"):
        importlib.import_module("wave")
    assert importlib.import_module("wave").__name__ == "wave"


def test_what_is_imported_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    there = types.ModuleType("wave")
    monkeypatch.setitem(sys.modules, "wave", there)
    with hidden("wave"):
        assert importlib.import_module("wave") is there
    assert sys.modules["wave"] is there


def test_timm_is_imported_without_wandb() -> None:
    assert not hasattr(timm.utils.summary, "wandb")
