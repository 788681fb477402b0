"""What a terminal shows of a training, read back from a pseudo-terminal."""

import fcntl
import logging
import os
import pty
import re
import struct
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyte
import pytest
import torch
from pytorch_lightning.callbacks import Timer
from rich.console import Console
from training_kit import fit, write_conf

from mtl.config.load import load
from mtl.config.paths import SWEEP_FILE
from mtl.learning.build import build_callbacks
from mtl.learning.callbacks import live as live_module
from mtl.learning.callbacks.checkpoint import BestAndLast
from mtl.learning.callbacks.live import LiveProgress, columns
from mtl.learning.display import bar as bar_module
from mtl.learning.display.bar import Bar, Picture, span
from mtl.learning.display.pace import Pace
from mtl.learning.display.rows import Rows
from mtl.learning.display.table import RunTable

SIX = ["classification/accuracy", "multilabel/map", "box/iou", "detection/map"]
SIX += ["segmentation/miou", "similarity/auroc"]


class Terminal:
    """A pseudo-terminal of a size, and what somebody who scrolls back would read on it."""

    def __init__(self, columns: int, lines: int) -> None:
        self.screen = pyte.HistoryScreen(columns, lines, history=1000)
        self.written = b""
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.file = os.fdopen(slave, "w")
        self.console = Console(
            file=self.file, width=columns, height=lines, highlight=False, soft_wrap=True
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        stream = pyte.ByteStream(self.screen)
        while True:
            try:
                found = os.read(self.master, 4096)
            except OSError:
                return
            self.written += found
            stream.feed(found)

    def close(self) -> list[str]:
        """All lines, those that have left the screen first."""
        self.file.close()
        self._reader.join()
        os.close(self.master)
        width = range(self.screen.columns)
        gone = ["".join(line[x].data for x in width) for line in self.screen.history.top]
        return [line.rstrip() for line in [*gone, *self.screen.display] if line.strip()]


@contextmanager
def terminal(columns: int, lines: int) -> Iterator[Terminal]:
    found = Terminal(columns, lines)
    try:
        yield found
    finally:
        if not found.file.closed:
            found.close()


@pytest.fixture(scope="module")
def cfg(tmp_path_factory: pytest.TempPathFactory) -> Any:
    base = ["data=alternating", "backbone=plain", "augmentation=none", "batch_size=4"]
    own = ["head@heads.speed=speed", "heads.speed.script=[3,2,4]", "heads.speed.target=a"]
    chosen = ["tasks=[a,b,speed]", "monitor=val/speed/rmse", "epochs=3"]
    off = ["callbacks.figures.enabled=false"]
    return load([*base, *own, *chosen, *off], write_conf(tmp_path_factory.mktemp("conf")))


def train_on(cfg: Any, folder: Path, window: Terminal) -> tuple[Any, Any]:
    """A training with a display on a terminal, where the other lines go too."""
    display = LiveProgress(window.console)
    return fit(cfg, folder, *build_callbacks(cfg), display)


@pytest.mark.parametrize("width", [80, 130])
def test_every_metric_of_every_epoch_can_be_read(cfg, tmp_path: Path, width: int, capsys) -> None:
    with terminal(width, 12) as window:
        module, _ = train_on(cfg, tmp_path, window)
        lines = window.close()
    said = capsys.readouterr().out
    assert columns(module)[-1] == "val/speed/rmse"
    written = re.findall(r"epoch \d/3 .* val/a/accuracy ([\d.]+) .*val/speed/exact ([\d.]+)", said)
    assert len(written) == 3
    rows = [line.split() for line in lines if re.match(r" *\d/3 ", line)]
    assert [row[0] for row in rows] == ["1/3", "2/3", "3/3"]
    # loss, score, the main metrics of a, b and speed, the monitored one, time and mark.
    assert [(row[3], row[5]) for row in rows] == written
    assert [row[6] for row in rows] == ["3.0000", "2.0000", "4.0000"]
    assert [row[-1] for row in rows] == ["best", "best", "s"]
    header = " ".join(lines).split()
    assert {"epoch", "loss", "score", "accuracy", "exact", "rmse"} <= set(header)
    # One bar, counted from 1 over everything, which leaves nothing behind.
    seen = window.written.decode()
    assert "epoch 1/3" in seen
    assert "step 15/15" in seen or "validating" in seen
    assert not any("━" in line or "images/s" in line for line in lines)


@pytest.mark.parametrize("watched", [True, False])
def test_an_epoch_is_told_once_its_checkpoint_is_there(
    cfg, tmp_path: Path, watched: bool, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """Ctrl-C behind its row resumed before it."""
    write = BestAndLast.write_last

    def interrupted(self: BestAndLast, trainer: Any) -> None:
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt
        write(self, trainer)

    monkeypatch.setattr(BestAndLast, "write_last", interrupted)
    with terminal(80, 20) as window:
        shown = [LiveProgress(window.console)] if watched else []
        with pytest.raises(SystemExit):
            fit(cfg, tmp_path, *build_callbacks(cfg), *shown)
        rows = "\n".join(window.close()) if watched else capsys.readouterr().out
    assert re.findall(r"\b(\d)/3 ", rows) == ["1"]


def test_rows_of_a_job_of_a_sweep_do_not_stay(cfg, tmp_path: Path) -> None:
    (tmp_path / SWEEP_FILE).write_text("{}")
    with terminal(80, 20) as window:
        train_on(cfg, tmp_path / "job", window)
        assert window.close() == []
    assert "accuracy" in window.written.decode()


def test_a_table_of_three_tasks() -> None:
    names = ["classification/accuracy", "detection/map", "segmentation/miou"]
    metrics = ["val/loss", "val/score", *(f"val/{name}" for name in names)]
    rows = Rows(metrics, len("10/10"), 80)
    assert rows.header() == [
        "                         classification  detection  segmentation",
        "epoch      loss   score        accuracy        map          miou     time",
    ]
    values = dict(zip(metrics, (12.5, 0.25, 0.5, 1 / 3, float("nan")), strict=True))
    assert rows.row("3/10", values, "1.5 s", best=True) == [
        " 3/10   12.5000  0.2500          0.5000     0.3333           nan    1.5 s  best"
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 130])
def test_many_tasks_lose_no_number(width: int) -> None:
    metrics = ["val/loss", "val/score", *(f"val/{name}" for name in SIX)]
    rows = Rows(metrics, 5, width)
    values = {name: number + 0.1234 for number, name in enumerate(metrics)}
    lines = rows.row("1/3", values, "1.5 s", best=True)
    assert max(map(len, [*lines, *rows.header()])) <= width
    assert re.findall(r"\d\.\d{4}", " ".join(lines)) == [f"{v:.4f}" for v in values.values()]
    assert len(lines) == {40: 4, 60: 2, 80: 2, 100: 1, 130: 1}[width]


def test_four_tasks_at_80_columns_have_their_whole_names() -> None:
    four = ["detection/map", "classification/balanced_accuracy", "regression/r2"]
    metrics = ["val/loss", "val/score", *(f"val/{name}" for name in four), "val/segmentation/miou"]
    assert Rows(metrics, 5, 80).header() == [
        "                           detec-  classif-    regre-   segmen-",
        "                             tion   ication     ssion    tation",
        "                                     balan-",
        "                                       ced_",
        "epoch      loss   score       map  accuracy        r2      miou     time",
    ]


def test_names_end_their_lines_behind_underscores() -> None:
    alike = ["val/segmentation_left/miou", "val/segmentation_right/miou"]
    assert Rows(alike, 5, 50).header()[:2] == [
        "       segmentation_  segmentation_",
        "                left          right",
    ]
    assert len(Rows(alike, 5, 50).row("1/1", {}, "", best=False)) == 1
    for width in range(30, 90):
        *above, _ = Rows(alike, 5, width).header()
        assert max(map(len, above)) <= width


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5000"), (123.4567, "123.46"), (-12.3456, "-12.346"), (1234567.0, "1.2e+06")],
)
def test_large_numbers_keep_to_their_column(value: float, text: str) -> None:
    (line,) = Rows(["val/x/rmse"], 5, 80).row("1/1", {"val/x/rmse": value}, "", best=False)
    assert line.split() == ["1/1", text]


def test_the_header_comes_again_when_it_has_left_the_screen() -> None:
    with terminal(80, 10) as window:
        table = RunTable(window.console, ["val/loss"], 5, stays=True)
        for epoch in range(1, 13):
            table.add(f"{epoch}/12", {"val/loss": 1.0}, "1 s", best=False)
        lines = window.close()
    places = [number for number, line in enumerate(lines) if "epoch" in line]
    assert places == [0, 6, 12]


def test_time_that_is_left() -> None:
    pace = Pace(now=0.0)
    pace.batch_done(8, now=10.0)  # the first one tells nothing
    assert pace.left(9, 1, 4, now=10.0) is None
    assert pace.images_per_second is None
    for end in (12.0, 14.0):
        pace.batch_done(8, end)
    assert pace.images_per_second == 4.0
    assert pace.left(7, 2, 3, now=14.0) == 7 * 2 + 2 * 3 * 2
    pace.pause()
    assert pace.left(7, 2, 3, now=15.0) == 7 * 2 + 2 * 3 * 2 - 1
    pace.batch_done(8, now=21.0)  # 2 s of it are the batch
    assert pace.batch == 2.0
    assert pace.left(6, 1, 3, now=21.0) == 6 * 2 + 1 * 5
    assert pace.left(0, 0, 3, now=99.0) == 0.0
    assert span(754) == "0:12:34"


def test_drawn_four_times_a_second_at_most(clock: SimpleNamespace) -> None:
    drawn: list[float] = []

    def picture() -> Picture:
        drawn.append(clock.now)
        return Picture("epoch 1/2", 1, 2, ["step 1/2"])

    with terminal(80, 10) as window:
        bar = Bar(window.console)
        bar.draw(picture)
        assert drawn == []
        bar.start()
        for _ in range(16):
            bar.draw(picture)
            clock.now += 0.125
        bar.stop()
        assert drawn == [100.0 + 0.25 * number for number in range(8)]
        assert window.close() == []


def test_what_others_write_goes_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(60, 10) as window:
        monkeypatch.setattr(sys, "stdout", window.file)
        monkeypatch.setattr(sys, "stderr", window.file)
        handler = logging.StreamHandler(sys.stderr)
        monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
        bar = Bar(window.console)
        bar.start()
        for number in range(2):
            bar.draw(lambda: Picture("epoch 1/2", 1, 2, ["step 1/2"]), at_once=True)
            print(f"printed {number}")
            logging.getLogger().warning("logged %d", number)
        bar.stop()
        assert handler.stream is window.file
        lines = window.close()
    assert lines == ["printed 0", "logged 0", "printed 1", "logged 1"]


def fake_trainer(folder: Path, **own: Any) -> Any:
    """As far as the display asks one: 3 epochs of 10 batches, without a validation split."""
    values = {
        "is_global_zero": True,
        "default_root_dir": str(folder),
        "max_epochs": 3,
        "num_training_batches": 10,
        "num_val_batches": [],
        "val_check_batch": 10,
        "current_epoch": 0,
        "global_step": 0,
        "estimated_stepping_batches": 30,
        "max_steps": -1,
        "accumulate_grad_batches": 1,
        "world_size": 1,
        "callbacks": [],
        "callback_metrics": {},
        "checkpoint_callback": None,
        "strategy": SimpleNamespace(root_device=torch.device("cpu")),
        "state": SimpleNamespace(fn="fit"),
    }
    return SimpleNamespace(**values | own)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    found = SimpleNamespace(now=100.0)
    for module in (bar_module, live_module):
        monkeypatch.setattr(module.time, "monotonic", lambda: found.now)
    return found


def batches(display: LiveProgress, trainer: Any, count: int, clock: SimpleNamespace) -> None:
    for index in range(count):
        clock.now += 2.0
        trainer.global_step += 1
        display.on_train_batch_end(trainer, trainer, None, range(8), index)


def test_a_resumed_run_goes_on_where_it_was(tmp_path: Path, clock: SimpleNamespace) -> None:
    trainer = fake_trainer(tmp_path, current_epoch=1, global_step=10)
    with terminal(80, 10) as window:
        display = LiveProgress(window.console)
        display.on_train_start(trainer, trainer)
        display.on_train_epoch_start(trainer, trainer)
        batches(display, trainer, 10, clock)
        seen = display._training(trainer)
        assert (seen.name, seen.done, seen.total) == ("epoch 2/3", 20, 30)
        assert [seen.facts[0], seen.facts[1][:12], seen.facts[2]] == [
            *("step 20/30", "0:00:20 left", "4 images/s")
        ]
        display.on_train_epoch_end(trainer, trainer)
        display.on_train_end(trainer, trainer)
        assert window.close() == ["epoch     time", "  2/3   20.0 s"]


def test_limits_of_steps_and_time_count(tmp_path: Path, clock: SimpleNamespace) -> None:
    timer = Timer(timedelta(seconds=1000))
    trainer = fake_trainer(tmp_path, max_steps=12, callbacks=[timer], estimated_stepping_batches=12)
    with terminal(80, 10) as window:
        display = LiveProgress(window.console)
        display.on_train_start(trainer, trainer)
        batches(display, trainer, 5, clock)
        assert display._training(trainer).total == 12
        assert display._training(trainer).facts[1].startswith("0:00:14 left, ends")
        timer._duration = 3.0
        assert display._training(trainer).facts[1].startswith("0:00:03 left")


def test_peak_memory_where_there_is_a_gpu(tmp_path: Path, monkeypatch, clock) -> None:
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 3 * 2**29)
    gpu = SimpleNamespace(root_device=torch.device("cuda:0"))
    trainer = fake_trainer(tmp_path, strategy=gpu)
    display = LiveProgress(Console(quiet=True))
    assert display._training(trainer).facts == ["step 0/30", "peak 1.5 GiB"]


def test_only_the_first_process_draws(tmp_path: Path, clock: SimpleNamespace) -> None:
    trainer = fake_trainer(tmp_path, is_global_zero=False)
    with terminal(80, 10) as window:
        display = LiveProgress(window.console)
        display.on_train_start(trainer, trainer)
        display.on_train_epoch_start(trainer, trainer)
        batches(display, trainer, 10, clock)
        display.on_train_epoch_end(trainer, trainer)
        display.on_test_start(trainer, trainer)
        window.close()
    assert window.written == b""


def test_evaluation_has_a_bar_too(tmp_path: Path, clock: SimpleNamespace) -> None:
    trainer = fake_trainer(tmp_path, num_test_batches=[4], state=SimpleNamespace(fn="test"))
    with terminal(80, 10) as window:
        display = LiveProgress(window.console)
        display.on_test_start(trainer, trainer)
        for index in range(3):
            clock.now += 2.0
            display.on_test_batch_end(trainer, trainer, None, range(8), index)
        display.on_test_end(trainer, trainer)
        assert window.close() == []
    seen = window.written.decode()
    assert "test" in seen
    assert "batch 3/4  0:00:02 left, ends" in seen
