"""Two processes that unfreeze stay one network, and the one that a single process trains."""

from pathlib import Path

import fresh
import torch
from torch import Tensor
from training_kit import same_weights
from unfreezing_kit import write_watched

from mtl.cli.main import main

EPOCHS = 4
ARGUMENTS = [
    "data=shapes",
    "data.train=16",
    "data.val=8",
    "data.test=8",
    "test=false",
    "image_size=32",
    f"epochs={EPOCHS}",
    "tasks=[classification]",
    "augmentation=none",
    "backbone=plain",
    "optimizer=sgd",
    "scheduler=constant",
    "lr=0.1",
    "unfreezing=staged",
    "unfreezing.at={second:1,first:2}",
    "callbacks=watched",
    "callbacks.figures.enabled=false",
    "callbacks.curves.enabled=false",
    "logger=none",
    "trainer.gradient_clip_val=null",
]
PAIR = [
    "trainer=ddp",
    "trainer.strategy=ddp_fork_find_unused_parameters_true",
    "trainer.accelerator=cpu",
    "trainer.devices=2",
    "trainer.precision=32-true",
]


def weights(folder: Path, epoch: int, rank: int = 0) -> dict[str, Tensor]:
    found: dict[str, Tensor] = torch.load(folder / f"epoch{epoch}-rank{rank}.pt", weights_only=True)
    return found


def moved(left: dict[str, Tensor], right: dict[str, Tensor]) -> set[str]:
    """The stages whose weights differ."""
    names = (n for n in left if ".stages." in n and not torch.equal(left[n], right[n]))
    return {name.split(".stages.")[1].split(".")[0] for name in names}


def test_all_ranks_are_equal_after_each_unfreezing(tmp_path: Path) -> None:
    conf = write_watched(tmp_path / "conf")
    pair, alone = tmp_path / "pair", tmp_path / "alone"
    begin = ["train", "--config-dir", str(conf), *ARGUMENTS]
    done = fresh.mtl(*begin, *PAIR, f"hydra.run.dir={pair}", "batch_size=4", cwd=tmp_path).wait()
    assert done.code == 0, done.out + done.err
    assert done.out.count("epoch 2: second trains now") == 1
    assert done.out.count("epoch 3: first trains now") == 1
    for epoch in range(EPOCHS):
        assert same_weights(weights(pair, epoch, 0), weights(pair, epoch, 1)), epoch
    after = [moved(weights(pair, epoch - 1), weights(pair, epoch)) for epoch in (1, 2, 3)]
    assert after == [{"second"}, {"first", "second"}, {"first", "second"}]

    assert main([*begin, f"hydra.run.dir={alone}", "batch_size=8"]) == 0
    for epoch in range(EPOCHS):
        together, single = weights(pair, epoch), weights(alone, epoch)
        for name, value in single.items():
            torch.testing.assert_close(together[name], value, rtol=1e-5, atol=1e-6)
