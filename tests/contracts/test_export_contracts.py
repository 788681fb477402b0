"""Every part of a network comes out of an exported file as it went in."""

from collections.abc import Sequence
from itertools import cycle, product

import numpy as np
import onnx
import pytest
import torch
from contracts_kit import SIZE, build, chosen, every, node, subject
from export_kit import File, graph_of, in_graph, noise, photograph
from omegaconf import DictConfig

from mtl.errors import UserError
from mtl.runs.export.around import with_preprocessing
from mtl.runs.export.onnx_session import session
from mtl.runs.export.parity import compared

pytestmark = pytest.mark.skipif(
    "not config.getoption('--all-combinations', False)", reason="an export takes seconds"
)
HEADS = [name for name in every("head") if name not in ("area",)]
GROUPS = ("backbone", "ensemble", "head")
COMBINED = list(zip(product(every("encoder"), every("fusion")), cycle(every("views"))))


def agrees(cfg: DictConfig, tasks: Sequence[str] = ()) -> None:
    """One picture, and several."""
    file = File(graph_of(build(cfg).network, tasks))
    for count in (1, 3):
        rows = file.differences(noise(count, 3, SIZE, SIZE, seed=count))
        assert {task for task, _ in rows} == set(file.graph.tasks)
        assert [(task, d) for task, d in rows if not d.fine] == []


@pytest.mark.parametrize(("group", "name"), [(g, n) for g in GROUPS for n in every(g)])
def test_every_member(group: str, name: str) -> None:
    agrees(subject(group, name))


@pytest.mark.parametrize("name", every("head"))
def test_preprocessing_around_a_file_of_every_head(name: str) -> None:
    """Says what the head says that is exported with preprocessing."""
    network = build(subject("head", name)).network
    pictures, images = (File(graph_of(network, (), steps)) for steps in (None, in_graph()))
    (content,) = pictures.contents.values()
    body = onnx.load_from_string(content)
    whole = with_preprocessing(images.graph, body, pictures.runner)
    onnx.checker.check_model(whole, full_check=True)
    two = torch.from_numpy(np.stack([photograph(45, 2 * SIZE, seed) for seed in (0, 1)]))
    rows = compared(images.graph, session(whole.SerializeToString()), two)
    assert [(row.task, row.difference) for row in rows if not row.difference.fine] == []


@pytest.mark.parametrize("name", every("ensemble"))
def test_every_ensemble_of_objects(name: str) -> None:
    """Where boxes of several streams become one list."""
    nodes = {"ensemble": node("ensemble", name)}
    if name != "none":
        nodes["fusion"] = node("fusion", "none")
    cfg = chosen(["detection"], **nodes)
    if name in ("mean", "vote"):
        cfg.ensemble.tta = [0, "flip"]
    agrees(cfg)


@pytest.mark.parametrize(("encoder", "fusion", "views"), [(*pair, v) for pair, v in COMBINED])
def test_every_encoder_with_every_fusion(encoder: str, fusion: str, views: str) -> None:
    """The views take turns; all heads at once, as far as they go with these."""
    whole = views != "tiles"
    tasks = [t for t in HEADS if whole or t not in ("detection", "box", "segmentation")]
    cfg = chosen(
        tasks,
        encoder=node("encoder", encoder),
        fusion=node("fusion", fusion),
        views=node("views", views),
    )
    cfg.backbone.width = 4
    try:
        build(cfg)
    except UserError:  # an encoder that wants another number of views
        cfg.views = chosen(tasks).views
    agrees(cfg)
