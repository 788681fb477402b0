"""What a run says on the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from mtl.data.loading.module import MultiTaskData
from mtl.data.sources.base import SPLITS
from mtl.model.network import Network
from mtl.terminal import console, say

QUIET_NODES = ("callbacks", "logger", "trainer", "hydra")


def _short(value: Any) -> str:
    return "[" + ", ".join(map(_short, value)) + "]" if isinstance(value, list) else str(value)


def _line(node: Mapping[str, Any], head: str = "") -> Text:
    """A group as one line: its class and its own settings."""
    name = str(node.get("_target_", "")).rpartition(".")[2]
    own = {k: v for k, v in node.items() if k != "_target_" and not isinstance(v, dict)}
    settings = "  ".join(f"{key}={_short(value)}" for key, value in own.items())
    return Text.assemble((head, "bold"), f" {name}  {settings}".rstrip(), overflow="fold")


def print_config(cfg: DictConfig, folder: Path, data: MultiTaskData, network: Network) -> None:
    """The configuration as a tree, with the sizes of data and network.

    Args:
        cfg: the whole configuration.
        folder: of the run.
        data: prepared.
        network: built.
    """
    content = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True))
    tree = Tree(Text(f"run {folder}"))
    plain = {k: v for k, v in content.items() if not isinstance(v, dict)}
    tree.add(Text("  ".join(f"{key}={_short(value)}" for key, value in plain.items())))
    for key, node in content.items():
        if not isinstance(node, dict) or key in QUIET_NODES:
            continue
        if key == "heads":
            heads = tree.add("heads")
            for task, head in node.items():
                heads.add(_line(head, task))
        else:
            tree.add(_line(node, key))
    sources = {split: data.source(split) for split in SPLITS}
    counts = "  ".join(f"{split} {len(s) if s else 0}" for split, s in sources.items())
    parameters = sum(p.numel() for p in network.parameters())
    tree.add(f"samples: {counts}")
    tree.add(f"parameters: {parameters / 1e6:.2f} M")
    console.print(tree)


def metrics_table(metrics: Mapping[str, float]) -> Table:
    """One row per metric, one column per split."""
    splits = [s for s in SPLITS if any(name.startswith(f"{s}/") for name in metrics)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric")
    for split in splits:
        table.add_column(split, justify="right")
    for name in dict.fromkeys(name.partition("/")[2] for name in metrics):
        cells = [metrics.get(f"{split}/{name}") for split in splits]
        table.add_row(name, *("" if cell is None else f"{cell:.4f}" for cell in cells))
    return table


def print_results(results: Mapping[str, Any], folder: Path) -> None:
    """The metrics of the best checkpoint, and where everything lies.

    Args:
        results: the content of results.json.
        folder: of the run.
    """
    best = results["best"]
    score = "" if best["score"] is None else f" ({best['monitor']} {best['score']:.4f})"
    say("")
    say(f"best epoch {best['epoch']} of {results['epochs']}{score}")
    if results["metrics"]:
        console.print(metrics_table(results["metrics"]))
    if results["skipped_samples"]:
        say(f"{results['skipped_samples']} broken samples left out: {folder / 'skipped.json'}")
    say(f"{results['duration_s']:.0f} s, {results['images_per_second']:.0f} images/s")
    say(f"run folder: {folder}")
