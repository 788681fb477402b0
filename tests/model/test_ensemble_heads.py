"""How each head's decisions are averaged, voted on, carried back and put together."""

import pytest
import torch
from torch import Tensor

from mtl.data.sample import Target
from mtl.model.backbone.base import Stage
from mtl.model.head.agreement import majority, plurality
from mtl.model.head.box import Box
from mtl.model.head.box_fusion import supported, weighted_boxes_fusion
from mtl.model.head.classification import Classification
from mtl.model.head.detection import Detection
from mtl.model.head.detections import Detections
from mtl.model.head.multilabel import Multilabel
from mtl.model.head.segmentation import Segmentation
from mtl.model.views.placement import Placement

STAGES = (Stage("a", 8, 4), Stage("b", 8, 8))
SIZE = 16
HALVES = torch.tensor([0.5, 0.5], dtype=torch.float64)


def head(kind: type, target: str, classes: str = "xyz", **options):
    return kind(target=Target(target, tuple(classes)), stages=STAGES, image_size=SIZE, **options)


def found(*rows: tuple[float, ...]) -> list[Detections]:
    """One image: x1, y1, x2, y2, score, label each."""
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    return [Detections(table[:, :4], table[:, 4], table[:, 5].long())]


def features(n: int) -> dict[int, Tensor]:
    torch.manual_seed(0)
    return {4: torch.randn(n, 8, 4, 4), 8: torch.randn(n, 8, 2, 2)}


def test_probabilities_are_averaged_by_weight() -> None:
    low, high = torch.tensor([[0.2, 0.8]]), torch.tensor([[1.0, 0.0]])
    weights = torch.tensor([0.25, 0.75], dtype=torch.float64)
    for kind, target in ((Classification, "label"), (Multilabel, "labels")):
        mean = head(kind, target, "xy").average([low, high], weights)
        torch.testing.assert_close(mean, torch.tensor([[0.8, 0.2]]))


def test_two_of_three_outvote_a_surer_one() -> None:
    """Shares 2/3 and 1/3, and a hundredth of the means 0.36 and 0.64."""
    sure, others = torch.tensor([[0.02, 0.98]]), torch.tensor([[0.53, 0.47]])
    vote = head(Classification, "label", "xy").vote([sure, others, others])
    torch.testing.assert_close(vote, torch.tensor([[0.99 * 2 / 3 + 0.0036, 0.99 / 3 + 0.0064]]))
    assert vote.argmax(1).tolist() == [0]


def test_a_tie_goes_to_the_higher_mean_probability() -> None:
    vote = plurality([torch.tensor([[0.6, 0.4, 0.0]]), torch.tensor([[0.3, 0.7, 0.0]])])
    assert vote.argmax(1).tolist() == [1]
    torch.testing.assert_close(vote.sum(1), torch.ones(1))
    torch.testing.assert_close(vote, torch.tensor([[0.4995, 0.5005, 0.0]]))


@pytest.mark.parametrize("count", [2, 3, 5, 120])
def test_a_vote_never_turns_a_majority(count: int) -> None:
    """One voter more for a, however sure those for b are and however unsure those for a."""
    unsure, sure = torch.tensor([[0.5001, 0.4999]]), torch.tensor([[0.0, 1.0]])
    most = count // 2 + 1
    vote = plurality([unsure] * most + [sure] * (count - most))
    assert vote.argmax(1).tolist() == [0]
    yes = majority([unsure] * most + [torch.zeros(1, 2)] * (count - most), 0.5)
    assert (yes >= 0.5).tolist() == [[True, False]]


def test_who_cannot_decide_abstains() -> None:
    nothing = torch.full((1, 3), 1 / 3)
    vote = plurality([nothing, nothing, torch.tensor([[0.1, 0.1, 0.8]])])
    assert vote.argmax(1).tolist() == [2]
    torch.testing.assert_close(vote.sum(1), torch.ones(1))


def test_yes_and_no_of_multilabel() -> None:
    voters = [torch.tensor([[0.9, 0.6, 0.1]]), torch.tensor([[0.8, 0.1, 0.2]])]
    vote = head(Multilabel, "labels").vote(voters)
    expected = [[0.99 + 0.0085, 0.495 + 0.0035, 0.0015]]
    torch.testing.assert_close(vote, torch.tensor(expected))
    assert (vote >= 0.5).tolist() == [[True, False, False]]


def test_boxes_mean_and_median() -> None:
    boxes = [torch.tensor([[float(v), 2, 10, 12]]) for v in (0, 1, 8)]
    box = head(Box, "boxes")
    weights = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64)
    torch.testing.assert_close(box.average(boxes, weights), torch.tensor([[2.25, 2, 10, 12]]))
    assert box.vote(boxes).tolist() == [[1, 2, 10, 12]]
    assert box.vote(boxes[:2]).tolist() == [[0.5, 2, 10, 12]]


def test_a_box_turned_back() -> None:
    """The picture turned left by 90 degrees shows (x, y) at (y, 16 - x)."""
    box = head(Box, "boxes")
    seen = torch.tensor([[1.0, 10, 5, 14]])
    assert box.carry_back(seen, Placement.turned(90)).tolist() == [[2, 1, 6, 5]]
    assert box.carry_back(seen, Placement.turned(0, flip=True)).tolist() == [[11, 10, 15, 14]]


def test_detections_turned_back_lose_what_lies_outside() -> None:
    detection = head(Detection, "boxes", channels=32)
    (quarter,) = detection.carry_back(found((1, 10, 5, 14, 0.9, 2)), Placement.turned(90))
    assert quarter.boxes.tolist() == [[2, 1, 6, 5]]
    assert quarter.labels.tolist() == [2]
    window = Placement.window("", -1, -1, 3, 3)
    (kept,) = detection.carry_back(found((1, 1, 4, 4, 0.9, 0), (9, 9, 15, 15, 0.8, 1)), window)
    assert kept.boxes.tolist() == [[2, 2, 8, 8]]


def test_fused_boxes_by_hand() -> None:
    """Two of two: box weighted by score, mean score; one of two: half of its score."""
    one, two = (
        found((0, 0, 10, 10, 0.9, 0), (20, 20, 30, 30, 0.5, 1)),
        found((1, 0, 10, 10, 0.6, 0)),
    )
    (fused,) = weighted_boxes_fusion([one, two], HALVES, 0.55, 100)
    torch.testing.assert_close(
        fused.boxes, torch.tensor([[0.6 / 1.5, 0, 10, 10], [20, 20, 30, 30]])
    )
    torch.testing.assert_close(fused.scores, torch.tensor([0.75, 0.25]))
    assert fused.labels.tolist() == [0, 1]


def test_fusion_weighs_detectors() -> None:
    """Weights 0.1 and 0.9: scores 2·0.1·0.9 and 2·0.9·0.6, their mean, both detectors there."""
    one, two = found((0, 0, 10, 10, 0.9, 0)), found((1, 0, 10, 10, 0.6, 0))
    weights = torch.tensor([0.1, 0.9], dtype=torch.float64)
    (fused,) = weighted_boxes_fusion([one, two], weights, 0.55, 100)
    torch.testing.assert_close(fused.scores, torch.tensor([(0.18 + 1.08) / 2]))
    torch.testing.assert_close(fused.boxes[0, 0], torch.tensor(1.08 / 1.26))
    (alone,) = weighted_boxes_fusion(
        [one, two], torch.tensor([0.0, 1.0], dtype=torch.float64), 0.55, 100
    )
    assert alone.boxes.tolist() == [[1, 0, 10, 10]]
    torch.testing.assert_close(alone.scores, torch.tensor([0.6]))


def test_fusion_keeps_classes_apart_and_the_best() -> None:
    one, two = found((0, 0, 10, 10, 0.9, 0)), found((0, 0, 10, 10, 0.8, 1))
    (fused,) = weighted_boxes_fusion([one, two], HALVES, 0.5, 100)
    assert fused.labels.tolist() == [0, 1]
    assert len(weighted_boxes_fusion([one, two], HALVES, 0.5, 1)[0]) == 1
    nothing = found()
    for method in (
        lambda m: weighted_boxes_fusion(m, HALVES, 0.5, 9),
        lambda m: supported(m, 0.5, 9, 2),
    ):
        assert [len(d) for d in method([nothing, nothing])] == [0]


def slow_fusion(models: list[Detections], weights: list[float], overlap: float) -> Tensor:
    """Box by box in float64, as the paper tells it; rows of x1, y1, x2, y2, score, label."""
    pool = []
    for model, weight in zip(models, weights, strict=True):
        for box, score, label in zip(model.boxes, model.scores, model.labels, strict=True):
            pool.append((box.double(), float(score) * weight * len(models), int(label)))
    pool.sort(key=lambda row: -row[1])
    clusters: list[list] = []
    for box, score, label in pool:
        best, at = overlap, None
        for i, cluster in enumerate(clusters):
            if cluster[0][2] != label:
                continue
            mass = sum(s for _, s, _ in cluster)
            fused = sum(s * b for b, s, _ in cluster) / mass
            low, high = torch.maximum(box[:2], fused[:2]), torch.minimum(box[2:], fused[2:])
            common = (high - low).clamp(min=0).prod()
            areas = (box[2:] - box[:2]).prod() + (fused[2:] - fused[:2]).prod()
            if common / (areas - common) > best:
                best, at = common / (areas - common), i
        if at is None:
            clusters.append([(box, score, label)])
        else:
            clusters[at].append((box, score, label))
    rows = []
    for cluster in clusters:
        mass, count = sum(s for _, s, _ in cluster), len(cluster)
        fused = sum(s * b for b, s, _ in cluster) / mass
        score = mass / count * min(count, len(models)) / len(models)
        rows.append([*fused.tolist(), score, cluster[0][2]])
    return torch.tensor(sorted(rows, key=lambda row: -row[4]), dtype=torch.float64)


def random_models(count: int, images: int, seed: int) -> list[list[Detections]]:
    generator = torch.Generator().manual_seed(seed)

    def image() -> Detections:
        k = int(torch.randint(0, 12, (), generator=generator))
        corner = torch.rand(k, 2, generator=generator) * 6
        side = torch.rand(k, 2, generator=generator) * 3 + 6
        scores = torch.rand(k, generator=generator).sort(descending=True).values
        labels = torch.randint(0, 2, (k,), generator=generator)
        return Detections(torch.cat((corner, corner + side), 1), scores, labels)

    return [[image() for _ in range(images)] for _ in range(count)]


def test_fusion_of_many_images_equals_the_slow_one() -> None:
    models, weights = random_models(3, 6, seed=0), [0.2, 0.3, 0.5]
    fused = weighted_boxes_fusion(models, torch.tensor(weights, dtype=torch.float64), 0.6, 100)
    for image, ours in enumerate(fused):
        expected = slow_fusion([model[image] for model in models], weights, 0.6)
        got = torch.cat((ours.boxes, ours.scores[:, None], ours.labels[:, None]), 1).double()
        torch.testing.assert_close(got, expected.reshape(-1, 6), rtol=1e-4, atol=1e-4)


def test_detectors_vote() -> None:
    """Three see the first object, two the second, one the third."""
    a, b, c = (0, 0, 8, 8), (20, 0, 30, 10), (0, 30, 9, 39)
    models = [
        found((*a, 0.6, 0), (*b, 0.5, 1)),
        found((*a, 0.9, 0), (*b, 0.8, 1), (*c, 0.95, 0)),
        found((*a, 0.7, 0), (*b, 0.99, 0)),
    ]
    (kept,) = head(Detection, "boxes", channels=32).vote(models)
    assert kept.boxes.tolist() == [[*a], [*b]]
    torch.testing.assert_close(kept.scores, torch.tensor([0.9, 0.8]))
    assert kept.labels.tolist() == [0, 1]
    (both,) = supported(models[:2], 0.6, 100, 2)
    assert len(both) == 2


def test_masks_turned_back_and_what_a_copy_does_not_show() -> None:
    segmentation = head(Segmentation, "mask", channels=8)
    image = torch.rand(2, 3, SIZE, SIZE).softmax(1)
    for angle, flip in ((0, False), (90, False), (180, True), (270, True)):
        seen = (image.flip(-1) if flip else image).rot90(angle // 90, (-2, -1))
        assert torch.equal(segmentation.carry_back(seen, Placement.turned(angle, flip)), image)
    sure = torch.zeros(1, 3, SIZE, SIZE)
    sure[:, 0] = 1
    turned = segmentation.carry_back(sure, Placement.turned(45))
    torch.testing.assert_close(turned.sum(1), torch.ones(1, SIZE, SIZE))
    torch.testing.assert_close(turned[0, :, 0, 0], torch.full((3,), 1 / 3), rtol=0, atol=0)
    torch.testing.assert_close(turned[0, :, 8, 8], torch.tensor([1.0, 0, 0]))
    other = torch.tensor([0.0, 0.1, 0.9]).view(1, 3, 1, 1).expand(1, 3, SIZE, SIZE)
    votes = segmentation.vote([turned, turned, other])
    assert votes[0, :, 0, 0].argmax() == 2
    assert votes[0, :, 8, 8].argmax() == 0


@pytest.mark.parametrize(
    ("kind", "target", "options", "count"),
    [
        (Classification, "label", {}, 3),
        (Multilabel, "labels", {}, 3),
        (Box, "boxes", {}, 4),
        (Segmentation, "mask", {"channels": 8}, 3),
    ],
)
def test_columns_are_put_together(kind: type, target: str, options: dict, count: int) -> None:
    task = head(kind, target, **options)
    assert task.output_count == count
    raws = [task(features(2)) * 0 + m for m in range(2)]
    whole = task.put_together(raws)
    first = -(-count // 2)
    assert (whole[:, :first] == 0).all()
    assert (whole[:, first:] == 1).all()
    assert whole.shape == raws[0].shape


def test_a_detectors_outputs_are_put_together() -> None:
    """Of 3 logits, 4 sides and the centerness the first takes 3 logits and the left side."""
    task = head(Detection, "boxes", channels=32)
    raw = task(features(2))
    raws = [{name: value * 0 + m for name, value in raw.items()} for m in range(2)]
    whole = task.put_together(raws)
    assert task.output_count == 8
    assert {name: value.shape for name, value in whole.items()} == {
        name: value.shape for name, value in raw.items()
    }
    assert (whole["cls_logits"] == 0).all()
    assert whole["bbox_regression"][0, 0].tolist() == [0, 1, 1, 1]
    assert (whole["bbox_ctrness"] == 1).all()
    for name, value in task.put_together([raw, raw]).items():
        assert torch.equal(value, raw[name])


def test_the_mean_of_one_decision_is_that_decision() -> None:
    one = torch.ones(1, dtype=torch.float64)
    task = head(Detection, "boxes", channels=32)
    decision = task.predict(task(features(2)))
    for before, after in zip(decision, task.average([decision], one), strict=True):
        torch.testing.assert_close(after.scores, before.scores)
        torch.testing.assert_close(after.boxes, before.boxes)
