"""A run that goes on equals one that was never stopped, whatever the trainer is told."""

from pathlib import Path

import pytest
from resume_kit import resumed

RUN = [
    "data=alternating",
    "backbone=normed",
    "tasks=[a,b]",
    "batch_size=4",
    "epochs=4",
    "test=false",
    "callbacks.figures.enabled=false",
    "callbacks.progress.enabled=false",
    "logger=none",
]


@pytest.mark.slow
@pytest.mark.parametrize("epoch", [1, 2])
@pytest.mark.parametrize(
    "option",
    [
        "max_steps=13",
        "max_steps=15",
        "min_steps=3",
        "precision=64-true",
        "precision=bf16-true",
        "precision=bf16-mixed",
        "check_val_every_n_epoch=2",
        "limit_train_batches=0.7",
        "accumulate_grad_batches=3",
    ],
)
def test_a_run_that_goes_on(option: str, epoch: int, tmp_path: Path) -> None:
    resumed([*RUN, "callbacks.ema.enabled=true", f"trainer.{option}"], tmp_path, epoch)


@pytest.mark.slow
def test_a_run_of_doubles_without_an_average(tmp_path: Path) -> None:
    resumed([*RUN, "optimizer=sgd", "trainer.precision=64-true"], tmp_path, 2)
