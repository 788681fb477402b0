"""``unfreezing.heads``: heads that stay as they are still teach what comes before them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from training_kit import Alternating, write_conf

from mtl.config.load import load
from mtl.data.batch import Batch
from mtl.data.build import build_data
from mtl.data.loading.loader import ArrayLoading
from mtl.errors import UserError
from mtl.learning.build import build_module
from mtl.learning.module import MultiTaskModule
from mtl.learning.unfreezing.base import StageFreezing
from mtl.learning.unfreezing.frozen import Frozen
from mtl.learning.unfreezing.staged import Staged
from mtl.model.build import build_network

BASE = ("data=alternating", "backbone=plain")


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conf(tmp_path_factory.mktemp("conf"))


def module_of(conf: Path, *own: str) -> MultiTaskModule:
    cfg = load([*BASE, *own], conf)
    return build_module(cfg, build_network(cfg, build_data(cfg).targets)).train()


def begun(module: MultiTaskModule, unfreezing: StageFreezing, epoch: int = 0) -> Any:
    """A training up to the start of an epoch, as far as it takes part in it."""
    trainer: Any = SimpleNamespace(
        max_epochs=3,
        current_epoch=0,
        is_global_zero=True,
        strategy=SimpleNamespace(model=None),
        lr_scheduler_configs=[],
    )
    unfreezing.setup(trainer, module, "fit")
    unfreezing.on_fit_start(trainer, module)
    for trainer.current_epoch in range(epoch + 1):
        unfreezing.on_train_epoch_start(trainer, module)
    return trainer


def batch() -> Batch:
    data = Alternating(train=4, val=1, test=1, image_size=16)
    loading = ArrayLoading(data.split("train"), data.targets, 0)  # type: ignore[arg-type]
    found = loading.__getitems__([(0, place) for place in range(4)])
    return Batch(found.image.float() / 127.5 - 1, found.ids, found.targets)


def test_the_head_stays_and_what_comes_before_learns(
    conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = module_of(conf)
    unfreezing = Frozen([], ["a"])
    trainer = begun(module, unfreezing)
    said = "unfreezing: second, first from epoch 1; heads.a frozen\n"
    assert capsys.readouterr().out == said
    heads = module.network.heads
    assert [heads[task].training for task in ("a", "b")] == [False, True]
    module.losses(batch())["a"].backward()
    assert all(p.grad is None for p in heads.parameters())
    assert all(p.grad is not None and p.grad.any() for p in module.network.encoder.parameters())
    unfreezing.teardown(trainer, module, "fit")
    assert all(p.requires_grad for p in module.parameters())


@pytest.mark.parametrize(
    ("unfreezing", "epoch", "own", "left"),
    [
        (Frozen(None, ["a"]), 0, (), ["b"]),
        (Staged({"second": 1}, None, 3, 0.0, ["a"]), 0, (), ["b"]),
        (Staged({"second": 1}, None, 3, 0.0, ["a"]), 1, (), ["a", "b"]),
        # The exchange between the tasks trains, and a's loss reaches it.
        (Frozen(None, ["a"]), 0, ("fusion.exchange=attention",), ["a", "b"]),
    ],
)
def test_a_task_from_which_nothing_learns_has_no_loss(
    conf: Path, unfreezing: StageFreezing, epoch: int, own: tuple[str, ...], left: list[str]
) -> None:
    module = module_of(conf, *own)
    trainer = begun(module, unfreezing, epoch)
    assert list(module.losses(batch())) == left
    module.eval()
    assert list(module.losses(batch())) == ["a", "b"]
    unfreezing.teardown(trainer, module, "fit")
    assert list(module.train().losses(batch())) == ["a", "b"]


def test_mistakes(conf: Path) -> None:
    with pytest.raises(UserError, match="nothing would train"):
        begun(module_of(conf), Frozen(None, ["a", "b"]))
    with pytest.raises(UserError, match=r"unfreezing\.heads: no task 'c'"):
        load([*BASE, "unfreezing=frozen", "unfreezing.heads=[c]"], conf)
    with pytest.raises(UserError, match="name a stage or heads"):
        Frozen([])
