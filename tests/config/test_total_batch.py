"""``trainer.total_batch`` in batches, and what is refused."""

from typing import Any

import pytest

from mtl.config.total_batch import batches_per_step, check_total_batch
from mtl.errors import UserError


def settings(batch_size: int | str, **trainer: Any) -> dict[str, Any]:
    own = {"accumulate_grad_batches": 1, "devices": 1, "num_nodes": 1, **trainer}
    return {"batch_size": batch_size, "trainer": own}


@pytest.mark.parametrize(
    ("total", "batch_size", "processes", "batches"),
    [(256, 32, 1, 8), (256, 32, 8, 1), (24, 4, 2, 3), (7, 7, 1, 1)],
)
def test_batches(total: int, batch_size: int, processes: int, batches: int) -> None:
    assert batches_per_step(total, batch_size, processes) == batches


@pytest.mark.parametrize(
    ("total", "batch_size", "processes", "nearest"),
    [(100, 32, 1, 96), (112, 32, 1, 128), (5, 32, 1, 32), (100, 24, 4, 96), (150, 24, 4, 192)],
)
def test_the_nearest_is_named(total: int, batch_size: int, processes: int, nearest: int) -> None:
    with pytest.raises(UserError, match=rf"nearest that fits is trainer\.total_batch={nearest}$"):
        batches_per_step(total, batch_size, processes)
    assert nearest % (batch_size * processes) == 0


def test_what_is_refused_before_anything_is_read() -> None:
    with pytest.raises(UserError) as error:
        check_total_batch(settings(8, total_batch=100, devices=2, num_nodes=3))
    assert str(error.value) == (
        "trainer.total_batch=100: batches of 8 in each of 6 processes don't make it; the nearest "
        "that fits is trainer.total_batch=96"
    )
    with pytest.raises(UserError, match=r"leave out trainer\.accumulate_grad_batches=2$"):
        check_total_batch(settings(8, total_batch=16, accumulate_grad_batches=2))

    with pytest.raises(UserError, match=r"7: 2 processes can't share it out; .*total_batch=8$"):
        check_total_batch(settings("auto", total_batch=7, devices=2))
    with pytest.raises(UserError, match=r"baselines=true: .* write trainer\.total_batch=N, too$"):
        check_total_batch(settings("auto") | {"baselines": True})


def test_what_is_fine() -> None:
    check_total_batch(settings(8))  # of an older version, which knew no such key
    check_total_batch(settings(8, total_batch=None, accumulate_grad_batches=3))
    check_total_batch(settings(8, total_batch=48, devices=2, num_nodes=3))
    # How many there are is known when the trainer is made.
    check_total_batch(settings(8, total_batch=8, devices="auto"))
    check_total_batch(settings("auto"))
    check_total_batch(settings("auto", total_batch=8, devices=2) | {"baselines": True})
