"""What README and docs/ say is true: commands, options, tables, links and code."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_up_runs import write_sweep
from omegaconf import OmegaConf

from mtl.cli import (
    affinity,
    baselines,
    calibrate,
    channels,
    compress,
    evaluate,
    export,
    inspect_,
    predict,
    report,
    rerun,
    split,
    status,
)
from mtl.cli.named_runs import items
from mtl.cli.options import split_options
from mtl.cli.own_keys import own_keys
from mtl.cli.run_list import run_list
from mtl.cli.sweeps.overrides import representative, task_part
from mtl.cli.sweeps.studies import with_studies
from mtl.config.compression import step_nodes
from mtl.config.groups import choices, groups, members, short_keys
from mtl.config.load import load
from mtl.config.member_files import node_of
from mtl.config.overrides import parse_all
from mtl.config.saved import open_run
from mtl.runs.compression.goal import goal_of
from mtl.runs.rotation.angles import angles

REPOSITORY = Path(__file__).resolve().parents[1]
README = REPOSITORY / "README.md"
PAGES = [
    README,
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
    REPOSITORY / "conf/data/README.md",
]
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MADE_UP = {
    name: {seed: {"box/iou": 0.5, "box/mae": 3.0 + seed} for seed in (0, 1)}
    for name in ("equal", "pcgrad")
}
"""A sweep to compare."""
CHECKED: dict[str, Any] = {
    "inspect": inspect_,
    "eval": evaluate,
    "predict": predict,
    "calibrate": calibrate,
    "export": export,
    "baselines": baselines,
    "affinity": affinity,
    "channels": channels,
    "compress": compress,
    "rerun": rerun,
    "split": split,
}
"""The commands that need data or a trained network."""
HEAD_METRICS_ROW = re.compile(r"^\| `(\w+)` \| (`.*`) \|$", re.MULTILINE)


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Language, file name (or nothing) and content of each code block."""
    return BLOCK.findall(page.read_text())


def lines(start: str) -> list[str]:
    """The lines of all bash blocks that begin so."""
    return list(
        dict.fromkeys(
            line
            for page in PAGES
            for language, _, text in blocks(page)
            if language == "bash"
            for line in text.splitlines()
            if line.startswith(start)
        )
    )


def table(page: Path, header: str) -> list[list[str]]:
    """The cells of the table with that header line, less the header."""
    below = page.read_text().partition(f"{header}\n")[2].splitlines()[1:]
    rows = below[: next(i for i, line in enumerate(below) if not line.startswith("|"))]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def names(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The documents' files, where the commands are run."""
    for page in PAGES:
        for _, name, text in blocks(page):
            if name:
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    return tmp_path


def test_there_are_commands_to_test():
    assert len(lines("mtl ")) > 30


@pytest.mark.slow
@pytest.mark.parametrize("line", lines("mtl "))
def test_command(line, mtl, files, without_charts):
    command, *arguments = shlex.split(line, comments=True)[1:]
    if command in CHECKED:
        check_command(command, arguments, files)
    elif "-m" in arguments:
        # Sweeps have tests of their own: one job stands for all here.
        overrides = parse_all(with_studies([a for a in arguments if a != "-m"], None))
        assert any(override.is_sweep_override() for override in overrides)
        load(task_part([representative(override) for override in overrides]), needs_data=False)
    else:
        if command in ("compare", "report"):
            own, _ = own_keys(arguments, report.KEYS)
            for pattern in items(own.get("runs") or own["run"]):
                write_sweep(files / pattern.replace("*", "a"), MADE_UP)
        if command == "status":
            write_sweep(files / own_keys(arguments, status.KEYS)[0]["sweep"], MADE_UP)
        configuration_only = command == "train" and "--help" not in arguments
        result = mtl(command, *arguments, *(["--cfg=job"] if configuration_only else []))
        assert result.code == 0, result.err


def check_command(command: str, arguments: list[str], folder: Path) -> None:
    """Everything that these commands do before they need data or a trained network."""
    config_dir, rest = split_options(arguments)
    own, overrides = own_keys(rest, CHECKED[command].KEYS)
    if command in ("inspect", "split"):
        # The format of a folder that is not there can't be guessed.
        named = any(override.startswith("data=") for override in overrides)
        load(overrides if named else ["data=csv", *overrides], config_dir, needs_data=False)
        return
    if "rotate" in own:
        assert angles(own["rotate"])
    if "runs" in own:
        for name in ("a", "b"):
            save_run(folder / own["runs"].strip("[]").replace("*", name), "data=shapes")
        assert len(run_list(own["runs"].replace("[", f"[{folder}/"))) == 2
        load(overrides, config_dir)
        return
    if "steps" in own:
        _, overrides = goal_of(overrides, ("detection", "multilabel"))
        _, overrides = step_nodes(items(own["steps"]), overrides, config_dir)
    run = folder / own["run"]
    save_run(run, "experiment=demo" if "demo" in own["run"] else "data=voc_folder")
    open_run(run, overrides, config_dir, needs_data=False)


def save_run(folder: Path, data: str) -> None:
    folder.mkdir(parents=True)
    OmegaConf.save(load([data], needs_data=False), folder / "config.yaml")


@pytest.mark.parametrize("line", lines("make "))
def test_make_target(line):
    target = line.split()[1]
    assert re.search(rf"^{target}:", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)


def test_groups_and_members_are_those_there_are():
    rows = table(README, "| group | what it chooses | members |")
    assert [names(row[0])[0] for row in rows] == groups()
    for first, description, listed in rows:
        (group,) = names(first)
        assert sorted(names(listed)) == list(members(group))
        assert description.replace("`", "") == choices()[group].description
        assert choices()[group].default in (None, names(listed)[0])


def test_metrics_are_those_of_the_heads():
    rows = table(README, "| head | metrics, the main one first |")
    assert sorted(names(row[0])[0] for row in rows) == list(members("head"))
    for head, listed in rows:
        assert names(listed) == node_of("head", names(head)[0])["metrics"]


def test_defaults_of_the_data_sets():
    rows = table(
        REPOSITORY / "docs/data.md", "| `data=` | targets | splits | default tasks | side |"
    )
    assert sorted(names(row[0])[0] for row in rows) == list(members("data"))
    for name, targets, _, tasks, side in rows:
        node = node_of("data", names(name)[0])
        suggested = node["suggested"]
        assert int(side) == suggested["image_size"]
        if many := re.fullmatch(r"the (\d+)", tasks):
            assert suggested["tasks"] == ["*"]
            assert int(many[1]) == list(node["targets"].values()).count("label")
            continue
        assert (tasks.split(", ") if tasks != "none" else []) == suggested["tasks"]
        assert all(target in targets for target in node["targets"])


def known_keys() -> set[str]:
    """Every key of every yaml, dotted; those of heads below ``heads.*``."""
    found = set(short_keys()) | {"heads.*.target"}

    def walk(prefix: str, node: object) -> None:
        found.add(prefix)
        for key, value in node.items() if isinstance(node, dict) else ():
            walk(f"{prefix}.{key}", value)

    for group in groups():
        for file in (REPOSITORY / "conf" / group).glob("*.yaml"):
            walk("heads.*" if group == "head" else group, yaml.safe_load(file.read_text()) or {})
    return found


def test_options_exist():
    known = known_keys()
    wrong = []
    for page in PAGES:
        for quoted in re.findall(r"`([^`\n]+)`", BLOCK.sub("", page.read_text())):
            key = quoted.partition("=")[0]
            if not re.fullmatch(r"[a-z]\w*(\.[\w<>]+)+", key):
                continue
            key = re.sub(r"^heads\.[\w<>]+", "heads.*", key)
            is_ours = key.partition(".")[0] in {*groups(), "heads"}
            is_file = (REPOSITORY / "mtl" / key.partition(".")[0]).is_file()
            if is_ours and not is_file and key not in known and "<" not in key:
                wrong.append(f"{page.name}: {quoted}")
    # Names of parameter groups look like options.
    assert wrong == ["training.md: backbone.stage1"]


def test_paths_and_links_exist():
    for page in PAGES:
        text = BLOCK.sub("", page.read_text())
        targets = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
        places = [page.parent / t for t in targets if not t.startswith("http")]
        places += [REPOSITORY / p for p in re.findall(r"`((?:mtl|conf)/[\w/.]+)`", text)]
        for place in places:
            assert place.exists(), f"{page.name}: {place}"


def test_modules_exist():
    import importlib

    for name in re.findall(
        r"`(mtl\.(?:[\w.]+\.)?[A-Z]\w+)`", (REPOSITORY / "docs/architecture.md").read_text()
    ):
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute)


@pytest.mark.slow
def test_mistake_is_answered_as_shown(mtl):
    text = README.read_text()
    command, answer = re.findall(r"^\$ (mtl .*)\n(mtl: .*)$", text, re.MULTILINE)[0]
    result = mtl(*shlex.split(command)[1:])
    assert (result.code, result.err.strip()) == (2, answer)


def test_completion_is_installed_as_shown(mtl):
    assert lines('eval "$(mtl -sc install=bash)"')
    assert mtl("-sc", "install=bash").code == 0


@pytest.mark.slow
def test_own_members_train_and_predict(mtl, files):
    (files / "mine/weighting").mkdir()
    (files / "mine/weighting/learned.yaml").write_text(
        "# Learned weights.\n_target_: mine.learned.Learned\n"
    )
    (line,) = lines("mtl train --config-dir mine")
    small = ["epochs=1", "data.train=32", "data.val=16", "data.test=16", "hydra.run.dir=run"]
    shown = [word for word in shlex.split(line)[1:] if not word.startswith("epochs=")]
    result = mtl(*shown, "weighting=learned", *small)
    assert result.code == 0, result.err
    metrics = json.loads((files / "run/results.json").read_text())["metrics"]
    assert {"test/area/close", "test/area/mae", "test/classification/accuracy"} <= set(metrics)
    assert metrics["test/area/mae"] >= 0
    shown = mtl(
        "predict", "--config-dir", "mine", "trust=[mine]", "run=run", "input=run/figures/val.png"
    )
    assert shown.code == 0, shown.err
    (image,) = json.loads((files / "run/predictions/predictions.json").read_text())["images"]
    assert image["area"]["area"] >= 0
