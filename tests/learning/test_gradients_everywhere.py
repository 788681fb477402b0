"""Gradients of the tasks found one by one add up to those of summed losses, in every network."""

from functools import cache

import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor

from mtl.config.groups import members
from mtl.config.load import load
from mtl.data.batch import Batch
from mtl.data.build import build_data
from mtl.data.loading.module import MultiTaskData
from mtl.errors import UserError
from mtl.learning.build import build_module
from mtl.learning.gradients.accumulation import Accumulation
from mtl.learning.gradients.per_task import task_gradients
from mtl.learning.gradients.reach import shared_entries
from mtl.learning.gradients.step import GradientStep
from mtl.learning.module import MultiTaskModule
from mtl.learning.weighting.bases.gramian import GramianWeighting
from mtl.learning.weighting.bases.task_gradients import TaskGradients
from mtl.model.build import build_network
from mtl.model.network import Network

pytestmark = pytest.mark.slow
BASE = [
    "data.train=6",
    "data.val=2",
    "data.test=2",
    "image_size=32",
    "batch_size=6",
    "backbone.width=4",
    "augmentation=none",
    "tasks=[classification,box,segmentation]",
    "heads.segmentation.channels=8",
]
ENCODERS, FUSIONS = (sorted(members(group)) for group in ("encoder", "fusion"))
EXCHANGES = ("none", "concat", "attention")
PLACES = ("parameters", "representation", "stage2")
VIEWS = sorted(members("views"))


class Given(GramianWeighting):
    """Weights that a test gives."""

    def __init__(
        self, tasks: tuple[str, ...], at: str, every: int = 1, given: tuple[float, ...] = (1, 1, 1)
    ) -> None:
        super().__init__(tasks, at, every)
        self.given = torch.tensor(given, dtype=torch.float64)

    def weights(self, seen: TaskGradients) -> Tensor:
        return self.given[seen.index]


@cache
def data() -> tuple[MultiTaskData, Batch]:
    made = build_data(load(BASE))
    made.prepare_data()
    (found,) = list(made.loader("train"))
    return made, made.finish(found, training=False)


@cache
def configured(*own: str) -> DictConfig:
    return load([*BASE, *own])


def build(cfg: DictConfig) -> MultiTaskModule:
    torch.manual_seed(0)
    made = build_module(cfg, build_network(cfg, data()[0].targets)).double()
    for name, parameter in made.network.named_parameters():
        if "exchange" in name:  # which start at 0, where nothing is exchanged yet
            torch.nn.init.normal_(parameter, std=0.1)
    return made.train()


@cache
def module(*own: str) -> MultiTaskModule:
    return build(configured(*own))


def combination(encoder: str, fusion: str, exchange: str, views: str) -> MultiTaskModule:
    """Put together from parts that are composed once each."""
    cfg = configured("ensemble=mean").copy()
    cfg.encoder = configured(f"encoder={encoder}").encoder
    cfg.fusion = configured(f"fusion={fusion}", f"fusion.exchange={exchange}").fusion
    angles = ["views.angles=[0,90]"] if views == "rotations" else []
    cfg.views = configured(f"views={views}", *angles).views
    if views == "tiles":
        cfg.tasks = ["classification", "box"]
    return build(cfg)


def images() -> Batch:
    batch = data()[1]
    return Batch(batch.image.double(), batch.ids, batch.targets, batch.seed)


def gradients(network: Network) -> dict[str, Tensor]:
    found = {n: p.grad for n, p in network.named_parameters() if p.grad is not None}
    network.zero_grad()
    return found


def plain(made: MultiTaskModule) -> dict[str, Tensor]:
    torch.manual_seed(0)
    torch.stack(list(made.losses(images()).values())).sum().backward()
    return gradients(made.network)


def one_by_one(made: MultiTaskModule, step: GradientStep) -> dict[str, Tensor]:
    torch.manual_seed(0)
    accumulation = Accumulation(made.network)
    accumulation.begin(images())
    part = accumulation.part(images(), *made.counted_losses(images(), step.encode))
    step.backward(part, torch.ones((), dtype=torch.float64), 0)
    return gradients(made.network)


def close(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        # Softmaxes are in float32, and small gradients are differences of larger ones.
        torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=1e-6)


@pytest.mark.matrix(
    encoder=ENCODERS, fusion=["mean"], exchange=EXCHANGES, views=["rotations"], place=PLACES
)
@pytest.mark.matrix(
    encoder=["shared", "multi_branch"],
    fusion=FUSIONS,
    exchange=EXCHANGES,
    views=["rotations"],
    place=PLACES,
)
@pytest.mark.matrix(
    encoder=["shared", "branches", "cgc"],
    fusion=["mean"],
    exchange=["concat"],
    views=VIEWS,
    place=PLACES,
)
def test_weights_of_one_give_the_plain_gradient(
    encoder: str, fusion: str, exchange: str, views: str, place: str
) -> None:
    try:
        made = combination(encoder, fusion, exchange, views)
    except UserError as refusal:
        pytest.skip(str(refusal))
    try:
        step = GradientStep(made.network, Given(made.network.tasks, place, every=2), 32, seed=0)
    except UserError as refusal:
        said = str(refusal)
    else:
        said = ""
    if said:
        right = ("shares no parameters", "features of its own", "share no parameters there")
        assert any(reason in said for reason in right)
        assert place != "parameters" or encoder == "per_task"
        return
    wanted = plain(made)
    close(one_by_one(made, step), wanted)
    close(one_by_one(made, step), wanted)  # by one pass of the weighted sum
    rows_add_up(made, wanted)


def rows_add_up(made: MultiTaskModule, wanted: dict[str, Tensor]) -> None:
    """At each parameter that several tasks share."""
    entries = shared_entries(made.network, 32, "test")
    torch.manual_seed(0)
    losses = made.losses(images())
    rows = task_gradients(entries, losses, dict.fromkeys(losses, 1.0)).values()
    names = {id(p): n for n, p in made.network.named_parameters()}
    for entry in entries:
        parts = [row[entry.parameter] for row in rows if entry.parameter in row]
        assert len(parts) == len(entry.tasks) >= 2
        torch.testing.assert_close(sum(parts), wanted[names[id(entry.parameter)]])


SYSTEMS = [
    "encoder=shared",
    "encoder=shared fusion.exchange=attention",
    "encoder=multi_branch fusion.exchange=concat",
    "encoder=cgc",
    "encoder=branches ensemble=learned",
]
GIVEN = ["0.5 2.0 -1.0", "1.0 0.0 3.0", "1e-9 1.0 1.0"]


@pytest.mark.matrix(system=SYSTEMS, place=PLACES, weights=GIVEN)
def test_weights_are_for_what_tasks_share_alone(system: str, place: str, weights: str) -> None:
    """In the step that finds them, and in the one backward pass of the steps between."""
    made = module(*system.split())
    given = tuple(map(float, weights.split()))
    tasks = made.network.tasks
    try:
        step = GradientStep(made.network, Given(tasks, place, 3, given), 32, seed=0)
    except UserError:
        pytest.skip("gives each task features of its own")
    torch.manual_seed(0)
    losses = made.losses(images())
    names = list(dict(made.network.named_parameters()))
    parameters = list(made.network.parameters())
    wanted: dict[str, Tensor] = {}
    rows = [
        torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        for loss in losses.values()
    ]
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        reached = [(w, g) for w, g in zip(given, column, strict=True) if g is not None]
        shared = len(reached) > 1 and not name.startswith("ensemble")
        if reached:
            wanted[name] = sum((w if shared else 1.0) * g for w, g in reached)
    for _ in range(3):
        close(one_by_one(made, step), wanted)
