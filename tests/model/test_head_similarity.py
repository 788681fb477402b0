"""Similarity: losses on pairs and triplets, verification, neighbours, and a run of it."""

import json
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mtl.config.load import load
from mtl.data.batch import Labelled
from mtl.data.build import build_data
from mtl.data.preprocess.base import Frame
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.model.backbone.base import Stage
from mtl.model.build import build_network
from mtl.model.head import similarity_metrics
from mtl.model.head.similarity import Similarity
from mtl.model.head.similarity_losses import LOSSES, contrastive, distances, triplet, triplet_all
from mtl.model.head.similarity_metrics import nearest_neighbour, verification
from mtl.model.views.placement import Placement

STAGES = (Stage("a", 4, 2), Stage("b", 8, 4))
LINE = torch.tensor([[0.0], [1.0], [3.0], [3.5]])
"""Four points on a line, of classes 0, 0, 1, 0."""
CLASSES = torch.tensor([0, 0, 1, 0])


def make(**options: object) -> Similarity:
    return Similarity(
        target=Target("label", ("cat", "dog", "owl")),
        stages=STAGES,
        image_size=16,
        **options,  # type: ignore[arg-type]
    )


def labelled(*values: int) -> Labelled:
    return Labelled(torch.arange(len(values)), torch.tensor(values))


def features(n: int) -> dict[int, Tensor]:
    return {2: torch.randn(n, 4, 8, 8), 4: torch.randn(n, 8, 4, 4)}


def test_contrastive_by_hand() -> None:
    # Alike: 1, 3.5, 2.5 apart. Others: 3, 2, 0.5 apart, of which a margin of 2.5 leaves 0.5 and 2.
    pull = (1**2 + 3.5**2 + 2.5**2) / 2 / 3
    push = (0.5**2 + 2**2) / 2 / 3
    found = contrastive(distances(LINE), CLASSES, 2.5)
    assert found.item() == pytest.approx((pull + push) / 2)


def test_triplet_by_hand() -> None:
    # Farthest alike 3.5, 2.5, 3.5; nearest other 3, 2, 0.5; the third point has no like.
    found = triplet(distances(LINE), CLASSES, 1.0)
    assert found.item() == pytest.approx((1.5 + 1.5 + 4.0) / 3)
    assert triplet(distances(LINE), CLASSES, 0.25).item() == pytest.approx(4.75 / 3)


def test_all_triplets_by_hand() -> None:
    # (0,1): 1 - 3, (0,3): 3.5 - 3, (1,0): 1 - 2, (1,3): 2.5 - 2, (3,0): 3.5 - .5, (3,1): 2.5 - .5
    found = triplet_all(distances(LINE), CLASSES, 0.25)
    assert found.item() == pytest.approx((0.75 + 0.75 + 3.25 + 2.25) / 4)


def slow(name: str, x: Tensor, label: Tensor, margin: float) -> float:
    """The same by loops over pairs and triplets."""
    n = len(x)
    d = [[math.dist(a, b) for b in x.tolist()] for a in x.tolist()]
    y = label.tolist()
    if name == "contrastive":
        kinds: dict[bool, list[float]] = {True: [], False: []}
        for i in range(n):
            for j in range(i):
                same = y[i] == y[j]
                kinds[same].append(d[i][j] ** 2 / 2 if same else max(0, margin - d[i][j]) ** 2 / 2)
        return sum(sum(k) / max(1, len(k)) for k in kinds.values()) / 2
    terms = []
    for a in range(n):
        like = [d[a][p] for p in range(n) if p != a and y[p] == y[a]]
        unlike = [d[a][q] for q in range(n) if y[q] != y[a]]
        if name == "triplet" and like and unlike:
            terms.append(max(0.0, max(like) - min(unlike) + margin))
        if name == "triplet_all":
            terms += [p - q + margin for p in like for q in unlike if p - q + margin > 0]
    return sum(terms) / max(1, len(terms))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("classes", [1, 3, 20])
def test_losses_equal_loops(name: str, classes: int) -> None:
    generator = torch.Generator().manual_seed(classes)
    x = torch.randn(14, 3, dtype=torch.float64, generator=generator)
    label = torch.randint(classes, (14,), generator=generator)
    found = LOSSES[name](distances(x), label, 0.7)
    assert found.item() == pytest.approx(slow(name, x, label, 0.7), abs=1e-12)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("label", [[0], [0, 1, 2], [1, 1, 1]])
def test_nothing_to_compare_gives_zero_with_gradient(name: str, label: list[int]) -> None:
    head = make(loss=name, margin=0.1)
    raw = head(features(len(label)))
    if name == "contrastive":  # unlike pairs beyond the margin, like ones in one place
        raw = raw[:1].expand_as(raw) if len(set(label)) == 1 else torch.eye(3, 64) + 0 * raw
    loss = head.loss(raw, labelled(*label))
    assert (loss.item(), loss.shape, loss.requires_grad) == (0, (), True)
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in head.parameters())


@pytest.mark.parametrize("name", LOSSES)
def test_equal_embeddings_have_a_finite_gradient(name: str) -> None:
    raw = torch.ones(4, 8, requires_grad=True)
    make(loss=name).loss(raw, labelled(0, 0, 1, 1)).backward()
    assert raw.grad is not None
    assert raw.grad.isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_separates_the_classes(name: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(12, 8, requires_grad=True)
    label = torch.arange(12) % 3
    head = make(loss=name, dimension=8)
    optimizer = torch.optim.SGD([x], lr=5.0)
    for _ in range(100):
        optimizer.zero_grad()
        head.loss(x, Labelled(torch.arange(12), label)).backward()
        optimizer.step()
    embedding = head.predict(x.detach())
    assert verification(embedding, label).item() == 1
    assert nearest_neighbour(embedding, label).item() == 1


def test_embeddings() -> None:
    head = make(hidden=5, dimension=3, pool="max")
    raw = head(features(4))
    assert raw.shape == (4, 3)
    embedding = head.predict(raw)
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(4))
    torch.testing.assert_close(head.predict(3 * raw), embedding)
    free = make(normalise=False, margin=5.0)
    assert torch.equal(free.predict(raw), raw)
    with torch.autocast("cpu", torch.bfloat16):
        raw = head(features(2))
        assert raw.dtype == torch.bfloat16
        assert head.loss(raw, labelled(0, 1)).dtype == head.predict(raw).dtype == torch.float32


def test_metrics_by_hand() -> None:
    metrics = make(normalise=False, dimension=1).make_metrics()
    metrics.update(LINE[:1], labelled(0))
    metrics.update(LINE[1:], labelled(0, 1, 0))
    found = metrics.compute()
    # Alike 1, 3.5, 2.5 against others 3, 2, 0.5: 1 beats two, 2.5 one, 3.5 none of them.
    assert found["auroc"].item() == pytest.approx(3 / 9)
    # Neighbours of 0, 1, 3, 3.5: 1 (right), 0 (right), 3.5 and 3 (wrong).
    assert found["top1"].item() == pytest.approx(2 / 4)
    metrics.reset()
    assert metrics.compute() == {}
    one = make(dimension=1, metrics=["top1"]).make_metrics()
    one.update(LINE[:1], labelled(0))
    assert one.compute() == {}
    one.update(LINE[1:2], labelled(1))
    assert {k: v.item() for k, v in one.compute().items()} == {"top1": 0}


def test_a_rank_without_a_sample_still_takes_part() -> None:
    """Three ranks with 0, 1 and 3 samples; this one has none."""
    others = {
        torch.float32: [torch.zeros(0, 1), LINE[:1], LINE[1:]],
        torch.int64: [CLASSES[:0], CLASSES[:1], CLASSES[1:]],
    }

    def gather(mine: Tensor, group: object = None) -> list[Tensor]:
        assert mine.shape == others[mine.dtype][0].shape
        return others[mine.dtype]

    metrics = make(dimension=1).make_metrics()
    empty = metrics._embeddings
    empty.dist_sync_fn = gather
    empty.distributed_available_fn = lambda: True
    found = {name: value.item() for name, value in metrics.compute().items()}
    assert found == pytest.approx({"auroc": 3 / 9, "top1": 2 / 4})


def test_auroc_is_left_out_where_there_is_one_kind_of_pair() -> None:
    metrics = make(dimension=1).make_metrics()
    metrics.update(LINE, labelled(1, 1, 1, 1))
    assert list(metrics.compute()) == ["top1"]


def test_large_splits(monkeypatch) -> None:
    generator = torch.Generator().manual_seed(0)
    label = torch.randint(4, (400,), generator=generator)
    noise = torch.randn(400, 6, generator=generator)
    embedding = F.normalize(torch.eye(4, 6)[label] + 0.5 * noise)
    whole, share = verification(embedding, label), nearest_neighbour(embedding, label)
    distance = torch.cdist(embedding.double(), embedding.double())
    first, second = torch.triu_indices(400, 400, 1)
    same, apart = label[first] == label[second], distance[first, second]
    order = apart[same].unsqueeze(1) < apart[~same][::50]
    assert whole.item() == pytest.approx(order.double().mean().item(), abs=0.01)
    monkeypatch.setattr(similarity_metrics, "ROWS", 7)
    monkeypatch.setattr(similarity_metrics, "MOST_SAMPLES", 200)
    assert torch.equal(nearest_neighbour(embedding, label), share)
    drawn = verification(embedding, label)
    assert drawn.item() == verification(embedding, label).item()
    assert drawn.item() == pytest.approx(whole.item(), abs=0.03)
    assert drawn != whole


def test_far_embeddings_are_told_apart() -> None:
    far = 1000.0 * torch.tensor([[0.0], [1.0], [3.0], [5.0]])
    assert verification(far, torch.tensor([0, 0, 1, 1])).item() == (4 + 3.5) / 8  # one tie


def test_decisions_meet() -> None:
    head = make(dimension=2)
    one, two = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    half = torch.tensor([[1.0, 1.0]]) / math.sqrt(2)
    torch.testing.assert_close(head.average([one, two], torch.tensor([0.5, 0.5])), half)
    torch.testing.assert_close(
        head.average([one, two], torch.tensor([0.6, 0.8])), torch.tensor([[0.6, 0.8]])
    )
    torch.testing.assert_close(head.vote([one, two, one]), one)
    torch.testing.assert_close(head.vote([one, two]), half)
    free = make(dimension=2, normalise=False)
    torch.testing.assert_close(
        free.average([one, two], torch.tensor([0.25, 0.75])), torch.tensor([[0.25, 0.75]])
    )
    assert head.carry_back(one, Placement.turned(90)) is one
    together = head.put_together([torch.ones(1, 4), torch.zeros(1, 4)])
    assert together.tolist() == [[1, 1, 0, 0]]


def test_record() -> None:
    head = make(dimension=2)
    (one,) = head.unbatch(torch.tensor([[0.5, 0.25]]))
    assert head.to_original(one, Frame(9, 9, 1, 1)) is one
    assert head.record(one) == {"embedding": [0.5, 0.25]}
    assert head.captions(one) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["top"]}, "similarity.metrics=top: did you mean top1"),
        ({"loss": "triplets"}, "similarity.loss=triplets: did you mean triplet"),
        ({"margin": 2.0}, r"similarity.margin=2: allowed: between 0 and 2, the largest distance"),
        ({"margin": -1.0, "normalise": False}, "similarity.margin=-1.0: allowed: from 0 up"),
        ({"dimension": 0}, "similarity.dimension=0: allowed: from 1 up"),
    ],
)
def test_messages(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(**options)


def test_beside_classification_it_learns_from_the_same_target() -> None:
    cfg = load(["tasks=[classification,similarity]", "image_size=32"])
    network = build_network(cfg, build_data(cfg).targets)
    assert network.target_names == {"classification": "label", "similarity": "label"}


@pytest.mark.slow
def test_a_run(mtl, tmp_path) -> None:
    small = ["image_size=32", "epochs=1", "data.train=32", "data.val=16", "data.test=16"]
    arguments = ["tasks=[classification,similarity]", *small, "hydra.run.dir=run"]
    result = mtl("train", *arguments)
    assert result.code == 0, result.err
    metrics = json.loads((tmp_path / "run/results.json").read_text())["metrics"]
    assert {"test/similarity/auroc", "test/similarity/top1"} <= set(metrics)
    score = metrics["test/classification/accuracy"] + metrics["test/similarity/auroc"]
    assert metrics["test/score"] == pytest.approx(score / 2)
    assert mtl("predict", "run=run", "input=run/figures/val.png").code == 0
    (image,) = json.loads((tmp_path / "run/predictions/predictions.json").read_text())["images"]
    assert math.hypot(*image["similarity"]["embedding"]) == pytest.approx(1, abs=1e-5)
    assert len(image["similarity"]["embedding"]) == 64
