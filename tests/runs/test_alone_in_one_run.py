"""What ``encoder=per_task`` trains in one run is what single-task networks are, to the last bit."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor
from training_kit import write_conf

from mtl.config.load import load
from mtl.data.build import build_data
from mtl.learning.build import build_module
from mtl.learning.quiet import quiet_lightning
from mtl.learning.trainer import build_trainer
from mtl.model.build import build_network

TRAINING = (
    "data=partly",
    "data.train=18",
    "data.val=2",
    "data.test=2",
    "epochs=2",
    "batch_size=6",
    "image_size=32",
    "backbone.width=4",
    "augmentation=light",
    "augmentation.engine=batch",
    "scheduler=onecycle",
)


def place_in_both(name: str, task: str) -> str:
    """A single-task parameter's name where each task has a backbone."""
    return name.replace("encoder.backbone.", f"encoder.backbones.{task}.0.")


def trained(
    folder: Path, overrides: list[str], start: Mapping[str, Tensor] | None = None
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """State of a network before and after its training.

    Args:
        folder: for configs and checkpoints.
        overrides: beside ``TRAINING``.
        start: where given, what some of the state is to begin as.
    """
    quiet_lightning()
    cfg = load([*TRAINING, *overrides], write_conf(folder / "conf"))
    torch.manual_seed(0)
    data = build_data(cfg)
    data.prepare_data()
    network = build_network(cfg, data.targets)
    network.load_state_dict({**network.state_dict(), **(start or {})})
    before = {name: value.clone() for name, value in network.state_dict().items()}
    build_trainer(cfg, folder, [], []).fit(build_module(cfg, network), datamodule=data)
    return before, network.state_dict()


@pytest.mark.slow
@pytest.mark.parametrize("task", ["classification", "box"])
def test_a_task_alone_and_beside_another(tmp_path: Path, task: str) -> None:
    """Partial labels, batch statistics, augmentation, schedule and order are the same."""
    before, alone = trained(tmp_path, [f"tasks=[{task}]", "encoder=shared"])
    start = {place_in_both(name, task): value for name, value in before.items()}
    _, both = trained(tmp_path, ["tasks=[classification,box]", "encoder=per_task"], start)
    assert any((alone[name] != value).any() for name, value in before.items())
    for name, value in alone.items():
        assert torch.equal(both[place_in_both(name, task)], value), name
