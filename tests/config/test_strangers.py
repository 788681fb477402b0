"""Run folders of strangers: what their configuration names is neither called nor imported."""

import contextlib
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import fresh
import pytest
import torch
from omegaconf import OmegaConf
from quick_composition import composing_quickly

from mtl.cli.main import main
from mtl.config import load, open_run
from mtl.config.saved import read_config
from mtl.config.trust import PLACES, Trust, leaves, ours, refuse_strangers, trusted_modules
from mtl.errors import BadFile, UserError
from mtl.files import read_json

EVIL = 'open("mark", "w").write("imported")\nclass Thing:\n    def __init__(self, **_): pass\n'

BACKBONES = "encoder.backbones=[small_cnn,{name: small_cnn, width: 8}]"


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    cfg = load(["tasks=[classification,box]", "encoder=branches", BACKBONES, "ensemble=mean"])
    found = OmegaConf.to_container(cfg)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


def write(folder: Path, values: dict[str, Any], changes: dict[str, Any] | None = None) -> Path:
    cfg = OmegaConf.create(values)
    for key, value in (changes or {}).items():
        OmegaConf.update(cfg, key, value, force_add=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(cfg))
    return folder


def targets(values: dict[str, Any]) -> list[str]:
    return [key for key, _ in leaves(values) if key.endswith("_target_")]


def test_every_class_of_a_run_has_a_place_and_is_ours(values, tmp_path):
    assert len(targets(values)) > 20
    assert all(PLACES.fullmatch(key) for key in targets(values))
    assert open_run(write(tmp_path / "run", values)) == OmegaConf.create(values)


def test_every_member_of_every_group_is_ours():
    from mtl.config.groups import choices, groups, members
    from mtl.config.trust import LIBRARIES

    for group in groups():
        for file in members(group).values():
            for key, name in leaves(OmegaConf.to_container(OmegaConf.load(file))):
                if key.rpartition(".")[2] == "_target_":
                    known = group in LIBRARIES and LIBRARIES[group].fullmatch(str(name))
                    assert known or ours(str(name)), (group, name)
    assert set(LIBRARIES) <= set(choices())


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "evil.Thing",
        "mtl",
        "mtl.evil.Thing",
        "mtl.files.json.dumps",
        "mtl.learning.build.L.callbacks.LambdaCallback",
        "mtl..files.write_whole",
        "mtl.files.write_whole; import os",
        "torch.optim.AdamW",
        7,
        ["os.system"],
        [],
        {},
        {"a": "os.system"},
    ],
)
def test_nobody_elses_class_is_made_in_any_place(values, name):
    cfg = OmegaConf.create(values)
    for place in targets(values):
        if place == "optimizer._target_" and name == "torch.optim.AdamW":
            continue
        *parents, leaf = re.findall(r"\w+", place)
        changed: Any = OmegaConf.to_container(cfg)
        node = changed
        for part in parents:
            node = node[int(part) if part.isdigit() else part]
        node[leaf] = name
        with pytest.raises(UserError) as error:
            refuse_strangers(changed, Trust())
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("key", ["data.targets.boxes", "data.targets.a.b", "heads.box.kind"])
@pytest.mark.parametrize("name", ["evil.Thing", "os.path.join", "mtl.evil.Thing", "a..b", "a.b c"])
def test_nobody_elses_kind_of_target_is_imported(values, tmp_path, key, name):
    changed = OmegaConf.create(values)
    *parents, leaf = key.split(".", 2)
    OmegaConf.select(changed, ".".join(parents))[leaf] = name
    with pytest.raises(UserError, match=re.escape(f"{key}={name}: ")):
        refuse_strangers(OmegaConf.to_container(changed), Trust())


def test_a_kind_of_a_trusted_module_may_be_named(values, tmp_path):
    OmegaConf.update(cfg := OmegaConf.create(values), "heads.box.kind", "stranger.Boxes")
    OmegaConf.update(cfg, "data.targets.boxes", "stranger.Boxes")
    run = write(tmp_path / "run", OmegaConf.to_container(cfg))
    with pytest.raises(UserError, match=r"=stranger\.Boxes.*trust=\[stranger\]"):
        open_run(run)
    opened = open_run(run, trust=["stranger"])
    assert opened.data.targets.boxes == opened.heads.box.kind == "stranger.Boxes"


@pytest.mark.parametrize(
    "key",
    ["data.deep._target_", "_target_", "heads.box.metrics_._target_", "augmentation.x.y._target_"],
)
def test_nothing_is_made_in_other_places(values, tmp_path, key):
    run = write(tmp_path / "run", values, {key: "mtl.files.write_whole"})
    with pytest.raises(UserError, match="nothing is made there"):
        open_run(run)
    extra = [{"name": "Blur", "_target_": "os.system"}]
    run = write(tmp_path / "extra", values, {"augmentation.extra": extra})
    with pytest.raises(UserError, match=r"augmentation\.extra\[0\]\._target_=os\.system"):
        open_run(run)


def test_parts_of_the_trainer_have_to_be_trusted(values, tmp_path):
    part = {"_target_": "pytorch_lightning.profilers.AdvancedProfiler", "dirpath": "elsewhere"}
    for key, node in (("trainer.profiler", part), ("trainer.plugins", [part])):
        run = write(tmp_path / key, values, {key: node})
        with pytest.raises(UserError, match=r"trust=\[pytorch_lightning\]"):
            open_run(run)
        open_run(run, trust=["pytorch_lightning"])


@pytest.mark.parametrize("text", ["${oc.env:HOME}", "a ${lr}", "${mtl.job_name:[],[]}", "${"])
def test_nothing_is_looked_up(values, tmp_path, text):
    run = write(tmp_path / "run", values)
    plain = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(plain.replace("name: shapes", f"name: '{text}'"))
    with pytest.raises(UserError) as error:
        open_run(run)
    assert "config.yaml" in str(error.value)
    assert str(Path.home()) not in str(error.value).replace(str(tmp_path), "")


def test_aliases_do_not_grow(tmp_path):
    bomb = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)]
    (tmp_path / "config.yaml").write_text("\n".join(bomb))
    with pytest.raises(UserError, match="has the alias"):
        read_config(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        "tasks: [box]",
        "!!python/object/apply:os.system [touch mark]",
        "\x00",
        "tasks: 3\nheads: []",
        "${",
    ],
)
def test_files_that_are_no_configuration(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(UserError, match=r"config\.yaml"):
        open_run(tmp_path)
    assert not Path("mark").exists()


@pytest.mark.parametrize("text", ["", "[1]", "{", "[" * 100_000, "\x80"])
def test_files_that_are_no_json(tmp_path, text):
    (tmp_path / "results.json").write_bytes(text.encode("latin1"))
    with pytest.raises(BadFile, match=r"results\.json"):
        read_json(tmp_path / "results.json")


def test_trust_is_by_module_and_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for module in ("mine/sub/part.py", "mine/__init__.py", "other.py"):
        (tmp_path / module).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / module).write_text(EVIL)
    mine = Trust(folder=Path("mine"))
    assert mine.covers("mine.sub.part.Thing")
    assert mine.covers("mine.Thing")
    assert not mine.covers("other.Thing")
    assert not mine.covers("minerals.Thing")
    assert not mine.covers("os.path.join")
    assert Trust(("mine.sub",)).covers("mine.sub.part.Thing")
    assert not Trust(("mine.sub",)).covers("mine.Thing")
    assert not Trust(("mine",)).covers("minerals.Thing")
    assert not Path("mark").exists()


def test_trust_is_a_list_of_modules():
    assert trusted_modules("[mine, other.part]") == ("mine", "other.part")
    for wrong in ("", "[]", "[a b]", "[mine,]", "*"):
        with pytest.raises(UserError, match="write names of modules"):
            trusted_modules(wrong)


def test_trusted_modules_are_named_with_the_command(values, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = write(tmp_path / "run", values, {"backbone._target_": "stranger.Thing"})
    with pytest.raises(UserError, match=r"backbone\._target_=stranger\.Thing.*trust=\[stranger\]"):
        open_run(run)
    assert open_run(run, trust=["stranger"]).backbone["_target_"] == "stranger.Thing"


def answers(lines: list[list[str]]) -> None:
    """Print what commands answer, and whether the stranger's module was imported."""
    sys.path.insert(0, "")
    said = []
    with composing_quickly():
        for arguments in lines:
            err = io.StringIO()
            with contextlib.redirect_stderr(err):
                said.append([main(arguments), err.getvalue()])
    print(json.dumps([said, "evil" in sys.modules]), flush=True)


def test_commands_import_and_call_nothing(values, tmp_path):
    """In a process that would leave the file ``mark``."""
    (tmp_path / "evil.py").write_text(EVIL)
    imported = write(tmp_path / "imported", values, {"backbone._target_": "evil.Thing"})
    system = {"_target_": "os.system", "command": "touch mark"}
    called = write(tmp_path / "called", values, {"preprocess": system})
    method = {"_target_": "mtl.learning.weighting.torchjd_method.TorchJD", "at": "all", "every": 1}
    method |= {"method": "subprocess.Popen", "options": {"args": ["touch", "mark"]}}
    nested = write(tmp_path / "nested", values, {"weighting": method})
    (nested / "checkpoints").mkdir()
    (nested / "checkpoints" / "best.ckpt").write_bytes(b"cos\nsystem\n(S'touch mark'\ntR.")
    kind = write(tmp_path / "kind", values, {"heads.box.kind": "evil.Thing"})
    told = write(tmp_path / "told", values)
    (told / "checkpoints").mkdir()
    target = {"kind": "evil.Thing", "classes": ["a"]}
    saved = {"state_dict": {}, "mtl": {"targets": {"boxes": target}}}
    torch.save(saved, told / "checkpoints" / "best.ckpt")
    (tmp_path / "photo.png").write_bytes(b"")
    lines = [
        line
        for run in (imported, called)
        for line in (
            ["predict", f"run={run}", "input=photo.png"],
            ["eval", f"run={run}"],
            ["eval", f"run={run}", "rotate=[0,90]"],
            ["eval", f"runs=[{run},{nested}]"],
            ["affinity", f"run={run}"],
            ["rerun", f"run={run}"],
            ["baselines", f"run={run}"],
        )
    ]
    lines += [["predict", f"run={run}", "input=photo.png"] for run in (kind, told)]
    lines.append(["predict", f"run={nested}", "input=photo.png"])
    lines.append(["eval", f"run={nested}", "data.train=4", "data.val=4", "data.test=4"])
    lines.append(["affinity", f"run={nested}", "data.train=4", "data.val=4", "data.test=4"])
    done = fresh.start(answers, lines, cwd=tmp_path).wait()
    assert done.code == 0, done.err
    said, imported_evil = json.loads(done.out.splitlines()[-1])
    for line, (code, message) in zip(lines, said, strict=True):
        assert (code, message.count("\n")) == (2, 1), (line, message)
    assert "trust=[evil]" in said[0][1]
    assert "heads.box.kind=evil.Thing" in said[-5][1]
    assert "best.ckpt names the kind of target evil.Thing" in said[-4][1]
    assert "can't be read as a checkpoint" in said[-3][1]
    assert "torchjd.aggregation" in said[-1][1]
    assert not imported_evil
    assert not (tmp_path / "mark").exists()
