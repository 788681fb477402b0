"""``init=run``: which weights of another run are taken."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from training_kit import save_as_run, write_conf

from mtl.config.load import load
from mtl.data.build import build_data
from mtl.errors import UserError
from mtl.learning.init.run import OtherRun
from mtl.model.build import build_network
from mtl.model.network import Network

BASE = ("data=alternating", "backbone=plain")


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conf(tmp_path_factory.mktemp("conf"))


def network_of(conf: Path, seed: int, *own: str) -> tuple[Any, Network]:
    cfg = load([*BASE, *own], conf)
    torch.manual_seed(seed)
    return cfg, build_network(cfg, build_data(cfg).targets)


@pytest.fixture(scope="module")
def run(conf: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Tensor]]:
    """A made-up run of the tasks a and b, and its weights."""
    cfg, network = network_of(conf, 1, "fusion.exchange=attention")
    folder = save_as_run(tmp_path_factory.mktemp("runs") / "other", cfg, network)
    return folder, dict(network.state_dict())


def moved(before: dict[str, Tensor], network: Network, run: dict[str, Tensor]) -> set[str]:
    """The beginnings of the names whose tensors are the run's now."""
    found = set()
    for name, value in network.state_dict().items():
        if name in run and torch.equal(run[name], value):
            found.add(name.partition(".")[0] if "heads" not in name else name[:7])
        else:
            assert torch.equal(before[name], value)
    return found


def begun(network: Network, run: Path) -> tuple[dict[str, Tensor], list[str]]:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    return before, list(OtherRun(str(run), "best").begin(network))


def test_all_of_a_like_network(conf: Path, run: tuple[Path, dict[str, Tensor]]) -> None:
    folder, weights = run
    _, network = network_of(conf, 2, "fusion.exchange=attention")
    before, said = begun(network, folder)
    assert moved(before, network, weights) == {"encoder", "fusion", "heads.a", "heads.b"}
    file = folder / "checkpoints" / "best.ckpt"
    assert said == [f"init: from {file}: encoder, fusion, heads.a, heads.b"]


def test_parts_that_do_not_match_begin_fresh(
    conf: Path, run: tuple[Path, dict[str, Tensor]]
) -> None:
    """Another way of sharing around the same backbone, one task of the same name, one new one."""
    folder, weights = run
    own = ("encoder=mtan", "head@heads.new=classification", "tasks=[b,new]", "heads.new.target=a")
    _, network = network_of(conf, 2, *own)
    before, (first, fresh, unused) = begun(network, folder)
    assert moved(before, network, weights) == {"encoder", "heads.b"}
    stages = "encoder.backbone.stages.first, encoder.backbone.stages.second"
    assert first.endswith(f": {stages}, heads.b")
    assert fresh == "init: fresh: encoder, heads.new (not there)"
    assert unused == "init: not needed here: fusion, heads.a"


def test_a_head_of_other_classes_begins_fresh(
    conf: Path, run: tuple[Path, dict[str, Tensor]]
) -> None:
    """Two tasks of two classes each: the shapes alone would fit."""
    folder, weights = run
    file = folder / "checkpoints" / "best.ckpt"
    saved = torch.load(file, weights_only=True)
    saved["mtl"]["targets"]["b"]["classes"] = ["yes", "no"]
    other = folder.with_name("classes") / "checkpoints" / "best.ckpt"
    other.parent.mkdir(parents=True)
    torch.save(saved, other)
    _, network = network_of(conf, 2, "heads.a.dropout=0.5")
    before, (_, fresh, _) = begun(network, other.parents[1])
    assert moved(before, network, weights) == {"encoder", "heads.a"}
    assert fresh == "init: fresh: heads.b (other classes there)"


def test_where_nothing_matches_it_is_refused(
    conf: Path, run: tuple[Path, dict[str, Tensor]]
) -> None:
    folder, _ = run
    _, network = network_of(conf, 2, "backbone=small_cnn", "backbone.width=4", "tasks=[a]")
    wrong = r"nothing of .*best\.ckpt matches this network: encoder \(not there\); heads\.a \(.* is"
    with pytest.raises(UserError, match=wrong):
        begun(network, folder)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ((), r"init\.run is needed"),
        (("init.run=nowhere",), r"init\.run=nowhere: no such folder; write init\.run="),
        (("init.run={run}", "init.checkpoint=lats"), "no checkpoint 'lats'; did you mean 'last'"),
        (("init.run={conf}",), "no checkpoints in it"),
    ],
)
def test_mistakes(
    conf: Path, run: tuple[Path, dict[str, Tensor]], own: tuple[str, ...], message: str
) -> None:
    (run[0] / "checkpoints" / "last.ckpt").touch()
    given = [text.format(run=run[0], conf=conf) for text in own]
    with pytest.raises(UserError, match=message):
        load([*BASE, "init=run", *given], conf)
