"""All numbers of a run in one table that grows."""

import csv
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning_utilities.core.rank_zero import rank_zero_only
from pytorch_lightning.loggers import Logger

from mtl.files import named, whole_text


class CsvFile(Logger):
    """``metrics.csv`` with one number per row: step, metric, value.

    Long rows of many columns would have to be rewritten for every new metric, and a resumed run
    has to keep what is there.

    Args:
        folder: of the run.
        purge_step: on a resume, rows from this step on are dropped; None keeps all.
    """

    def __init__(self, folder: Path, purge_step: int | None = None) -> None:
        super().__init__()
        self.path = folder / "metrics.csv"
        if purge_step is not None:
            self._purge(purge_step)

    @rank_zero_only
    def _purge(self, step: int) -> None:
        if not self.path.exists():
            return
        with self.path.open(newline="") as file:
            head, *rows = list(csv.reader(file)) or [["step", "metric", "value"]]
        with whole_text(self.path) as file:
            # A row that a full disk or a kill has cut off is one of those that come again.
            kept = (row for row in rows if len(row) == 3 and row[0].isdecimal())
            csv.writer(file).writerows([head, *(row for row in kept if int(row[0]) < step)])

    @property
    def name(self) -> str:
        """Lightning asks for one."""
        return "csv"

    @property
    def version(self) -> str:
        """Lightning asks for one."""
        return ""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Append one row per number."""
        new = not self.path.exists()
        with named(self.path), self.path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", "metric", "value"])
            writer.writerows(
                [step or 0, name, f"{value:.8g}"]
                for name, value in metrics.items()
                if name != "epoch"
            )

    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """They are in config.yaml."""
