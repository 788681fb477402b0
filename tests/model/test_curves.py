"""Tables and curves: numbers worked out by hand, and scikit-learn's on random decisions."""

import json

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from mtl.data.batch import Labelled
from mtl.drawing.curves import confusion
from mtl.drawing.curves.confusion import most_confused
from mtl.model.curves.base import Curves, HeadCurves
from mtl.model.curves.box import BoxCurves
from mtl.model.curves.calibration import BINS
from mtl.model.curves.classification import ClassificationCurves
from mtl.model.curves.entries import MOST, points, thinned
from mtl.model.curves.multilabel import MultilabelCurves
from mtl.model.curves.ranking import Ranking, area_under_roc, average_precision
from mtl.model.curves.segmentation import LEVELS, SegmentationCurves
from mtl.model.curves.similarity import SimilarityCurves
from mtl.model.head.classification import ClassificationMetrics
from mtl.model.head.multilabel import MultilabelMetrics
from mtl.model.head.segmentation import SegmentationMetrics
from mtl.model.head.similarity_metrics import SimilarityMetrics

CLASSES = ("a", "b", "c")


def labelled(value: torch.Tensor) -> Labelled:
    return Labelled(torch.arange(len(value)), value)


def computed(curves: HeadCurves, prediction: torch.Tensor, truth: torch.Tensor) -> Curves:
    """Of two batches; what comes out can be written as it is."""
    assert curves.compute() == {}
    half = len(truth) // 3
    curves.update(prediction[:half], labelled(truth[:half]))
    curves.update(prediction[half:], labelled(truth[half:]))
    found = curves.compute()
    assert json.loads(json.dumps(found)) == found
    curves.reset()
    assert curves.compute() == {}
    return found


def random_classes(count: int = 150) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities of three classes that know something, some of them equal; and the truth."""
    draw = torch.Generator().manual_seed(0)
    truth = torch.randint(3, (count,), generator=draw)
    logits = torch.randn(count, 3, generator=draw) + torch.nn.functional.one_hot(truth, 3)
    return (logits * 4).round().div(4).softmax(1), truth


def test_of_many_classes_the_most_confused_are_drawn() -> None:
    """4 of 50: class 7 took 5 for 30 and 3 for 31; class 2 took 2 for 9, and 9 took 1 for 30."""
    counts = np.eye(50) * 10
    counts[7, 30], counts[7, 31], counts[2, 9], counts[9, 30] = 5, 3, 2, 1
    names, found = most_confused([f"c{place}" for place in range(50)], counts, 4)
    # Class 9 takes part in as many mistakes as class 31.
    assert names == ["c7", "c9", "c30", "c31", "46 others"]
    assert found.tolist() == [
        [10, 0, 5, 3, 0],
        [0, 10, 1, 0, 0],
        [0, 0, 10, 0, 0],
        [0, 0, 0, 10, 0],
        [0, 2, 0, 0, 460],
    ]
    assert found.sum() == counts.sum()


def test_the_picture_says_that_not_all_classes_are_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    canvas = np.zeros((1, 1, 3), np.uint8)
    monkeypatch.setattr(confusion, "to_canvas", lambda made: [drawn.append(made), canvas][1])
    for count in (40, 80):
        confusion.draw_confusion([f"c{place}" for place in range(count)], np.eye(count), "said")
    all_of_them, some = (figure.axes[0] for figure in drawn)
    assert all_of_them.get_title() == "said"
    assert len(all_of_them.get_yticklabels()) == 40
    assert some.get_title() == "said\nthe 24 most confused of 80 classes"
    labels = [label.get_text() for label in some.get_yticklabels()]
    assert labels == [*(f"c{place}" for place in range(24)), "56 others"]


def test_ranking_by_hand() -> None:
    """Scores 0.9+, 0.8-, 0.8+, 0.3-: of four pairs two are right, one is a tie, one is wrong."""
    ranking = Ranking([0.8, 0.9, 0.3, 0.8], [False, True, False, True])
    assert ranking.thresholds.tolist() == [0.9, 0.8, 0.3]
    right, wrong = ranking.counts()
    assert (right.tolist(), wrong.tolist()) == ([1, 2, 2], [0, 1, 2])
    assert area_under_roc(right, wrong) == (1 + 1 + 0.5 + 1) / 4
    assert average_precision(right, wrong) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    # The negative at 0.8 twice, the one at 0.3 not at all.
    right, wrong = ranking.counts([2, 1, 0, 1])
    assert (right.tolist(), wrong.tolist()) == ([1, 2, 2], [0, 2, 2])
    assert np.isnan(area_under_roc(*Ranking([0.1], [True]).counts()))
    assert np.isnan(average_precision(*Ranking([], []).counts()))


def test_curves_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import (
        average_precision_score,
        precision_recall_curve,
        roc_auc_score,
        roc_curve,
    )

    scores, truth = random_classes()
    found = computed(ClassificationCurves(CLASSES), scores, truth)
    for index, name in enumerate(CLASSES):
        own, positive = scores[:, index].numpy(), (truth == index).numpy()
        roc, pr = found["roc"][name], found["pr"][name]
        assert roc["auc"] == pytest.approx(roc_auc_score(positive, own), abs=1e-12)
        fpr, tpr, _ = roc_curve(positive, own, drop_intermediate=False)
        assert roc["fpr"] == pytest.approx(fpr, abs=1e-5)
        assert roc["tpr"] == pytest.approx(tpr, abs=1e-5)
        assert pr["ap"] == pytest.approx(average_precision_score(positive, own), abs=1e-12)
        precision, recall, thresholds = precision_recall_curve(positive, own)
        assert pr["recall"] == pytest.approx(recall[::-1], abs=1e-5)
        assert pr["precision"] == pytest.approx(precision[::-1], abs=1e-5)
        assert pr["threshold"][1:] == pytest.approx(thresholds[::-1], abs=1e-5)
        assert (pr["positives"], pr["negatives"]) == (positive.sum(), (~positive).sum())
    for entry, area in (("roc", "auc"), ("pr", "ap")):
        mean = np.mean([found[entry][name][area] for name in CLASSES])
        assert found[entry]["all"][area] == pytest.approx(mean)
    metrics = ClassificationMetrics(CLASSES, ["auroc"], per_class=False)
    metrics.update(scores, labelled(truth))
    assert found["roc"]["all"]["auc"] == pytest.approx(float(metrics.compute()["auroc"]), abs=1e-6)


def test_mean_curves_by_hand() -> None:
    """Class a is told perfectly; of b and c, 0.6 and 0.4 or the other way round, half."""
    scores = torch.tensor([[0.9, 0.06, 0.04], [0.0, 0.6, 0.4], [0.0, 0.6, 0.4]])
    found = computed(ClassificationCurves(CLASSES), scores, torch.tensor([0, 1, 2]))
    # b: 0.6 for the right one and for the wrong one, then the one of class a.
    assert [found["roc"][name]["auc"] for name in CLASSES] == [1, 0.75, 0.75]
    total = found["roc"]["all"]
    assert total["auc"] == pytest.approx(2.5 / 3)
    assert (total["fpr"][:2], total["tpr"][0]) == ([0, 0], 0)
    # At a false positive rate of 0: 1, 0, 0; of 0.5: 1, 1, 1.
    assert total["tpr"][1] == pytest.approx(1 / 3, abs=1e-5)
    assert total["tpr"][51:] == [1] * 51
    assert [found["pr"][name]["ap"] for name in CLASSES] == [1, 0.5, 0.5]
    assert found["pr"]["all"]["precision"][1] == pytest.approx(2 / 3, abs=1e-5)


def test_confusion_and_table_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import classification_report, confusion_matrix

    scores, truth = random_classes()
    found = computed(ClassificationCurves(CLASSES), scores, truth)
    said = scores.argmax(1)
    assert found["confusion"]["classes"] == list(CLASSES)
    assert found["confusion"]["counts"] == confusion_matrix(truth, said).tolist()
    report = classification_report(truth, said, target_names=CLASSES, output_dict=True)
    for row in found["per_class"]:
        own = report[row["class"]]
        assert row["precision"] == pytest.approx(own["precision"])
        assert row["recall"] == pytest.approx(own["recall"])
        assert (row["f1"], row["support"]) == (pytest.approx(own["f1-score"]), own["support"])


def test_calibration_is_that_of_scikit_learn() -> None:
    from sklearn.calibration import calibration_curve

    scores, truth = random_classes()
    found = computed(ClassificationCurves(CLASSES), scores, truth)["calibration"]
    best = scores.max(1)
    hit = best.indices == truth
    right, confidence = calibration_curve(hit.numpy(), best.values.numpy(), n_bins=BINS)
    assert found["accuracy"] == pytest.approx(right, abs=1e-5)
    assert found["confidence"] == pytest.approx(confidence, abs=1e-5)
    assert sum(found["count"]) == len(truth)
    ece = np.abs(right - confidence) @ np.array(found["count"]) / len(truth)
    assert found["ece"] == pytest.approx(ece, abs=1e-6)


def test_calibration_by_hand() -> None:
    """Sure by 0.9, 0.9 and 0.6, right once in the first bin: (2 * 0.4 + 0.4) / 3."""
    scores = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4]])
    found = computed(ClassificationCurves(CLASSES[:2]), scores, torch.tensor([0, 1, 0]))
    assert found["calibration"]["count"] == [1, 2]
    assert found["calibration"]["ece"] == pytest.approx(0.4, abs=1e-6)


def test_unknown_entries_do_not_count() -> None:
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import average_precision_score, roc_auc_score

    draw = torch.Generator().manual_seed(1)
    scores = torch.rand(60, 2, generator=draw)
    truth = torch.randint(-1, 2, (60, 2), generator=draw).to(torch.int8)
    found = computed(MultilabelCurves(CLASSES[:2], 0.5), scores, truth)
    assert "confusion" not in found
    for index, row in enumerate(found["per_class"]):
        known = truth[:, index] >= 0
        own, positive = scores[known, index].numpy(), truth[known, index].numpy() == 1
        name = row["class"]
        assert found["roc"][name]["auc"] == pytest.approx(roc_auc_score(positive, own))
        assert found["pr"][name]["ap"] == pytest.approx(average_precision_score(positive, own))
        assert row["precision"] == pytest.approx(positive[own >= 0.5].mean())
        assert row["recall"] == pytest.approx((own[positive] >= 0.5).mean())
        assert row["support"] == positive.sum()
    known = truth >= 0
    right, confidence = calibration_curve(
        truth[known].numpy() == 1, scores[known].numpy(), n_bins=BINS
    )
    assert found["calibration"]["accuracy"] == pytest.approx(right, abs=1e-5)
    assert found["calibration"]["confidence"] == pytest.approx(confidence, abs=1e-5)
    metrics = MultilabelMetrics(CLASSES[:2], ["map"], per_class=False)
    metrics.update(scores, labelled(truth))
    assert found["pr"]["all"]["ap"] == pytest.approx(float(metrics.compute()["map"]), abs=1e-6)


def test_what_has_no_curve_is_absent() -> None:
    """Class c never occurs; with b alone there are no negatives."""
    scores = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1]])
    found = computed(ClassificationCurves(CLASSES), scores, torch.tensor([0, 1]))
    assert found["roc"].keys() == found["pr"].keys() == {"all", "a", "b"}
    assert found["per_class"][2] == {
        "class": "c", "precision": None, "recall": None, "f1": None, "support": 0
    }  # fmt: skip
    found = computed(ClassificationCurves(CLASSES), scores, torch.tensor([1, 1]))
    assert "roc" not in found
    assert found["pr"].keys() == {"all", "b"}


def test_pixels_by_hand() -> None:
    """Four pixels, one of them ignored: 0 said 0, 1 said 1, 1 said 0."""
    one = torch.tensor([[0.2, 0.9], [0.4, 0.7]])
    truth = torch.tensor([[[0, 1], [1, 255]]], dtype=torch.uint8)
    curves = SegmentationCurves(("ground", "thing"))
    assert curves.compute() == {}
    curves.update(torch.stack([1 - one, one])[None], labelled(truth))
    found = curves.compute()
    assert found["confusion"]["counts"] == [[1, 0], [1, 1]]
    rows = {row["class"]: row for row in found["per_class"]}
    assert (rows["ground"]["iou"], rows["thing"]["iou"]) == (0.5, 0.5)
    assert (rows["thing"]["precision"], rows["thing"]["recall"]) == (1, 0.5)
    assert (rows["ground"]["support"], rows["thing"]["support"]) == (1, 2)
    assert found["roc"]["thing"]["auc"] == 1
    # Sure by 0.8 and 0.9 and right, by 0.6 and wrong.
    assert found["calibration"]["ece"] == pytest.approx((0.2 + 0.1 + 0.6) / 3, abs=1e-6)


def test_of_large_pictures_the_curves_are_thinned() -> None:
    """Of 224 pixels a side every second counts; the table is of all."""
    thing = torch.zeros(1, 224, 224)
    thing[:, ::2, ::2] = 1
    truth = thing.to(torch.uint8)
    scores = torch.stack([1 - thing * 0.9, thing * 0.9], dim=1)
    curves = SegmentationCurves(("ground", "thing"))
    curves.update(scores, labelled(truth))
    found = curves.compute()
    assert [row["support"] for row in found["per_class"]] == [3 * 112**2, 112**2]
    assert "roc" not in found
    assert found["calibration"]["count"] == [112**2]


def test_pixel_curves_are_nearly_those_of_scikit_learn() -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    draw = torch.Generator().manual_seed(2)
    truth = torch.randint(0, 3, (4, 16, 16), generator=draw)
    logits = torch.randn(4, 3, 16, 16, generator=draw)
    logits += 1.5 * torch.nn.functional.one_hot(truth, 3).movedim(-1, 1)
    scores, labels = logits.softmax(1), truth.to(torch.uint8)
    found = computed(SegmentationCurves(CLASSES), scores, labels)
    for index, name in enumerate(CLASSES):
        own, positive = scores[:, index].flatten().numpy(), (truth == index).flatten().numpy()
        auc, ap = roc_auc_score(positive, own), average_precision_score(positive, own)
        assert found["roc"][name]["auc"] == pytest.approx(auc, abs=2 / LEVELS)
        assert found["pr"][name]["ap"] == pytest.approx(ap, abs=2 / LEVELS)
    metrics = SegmentationMetrics(CLASSES, ["miou"], per_class=False)
    metrics.update(scores, labelled(labels))
    mean = np.mean([row["iou"] for row in found["per_class"]])
    assert mean == pytest.approx(float(metrics.compute()["miou"]), abs=1e-6)


def test_success_is_the_share_of_boxes_over_the_overlap() -> None:
    """IoU 1, 0.5 and 0."""
    truth = torch.tensor([[0.0, 0, 10, 10]] * 3)
    boxes = torch.tensor([[0.0, 0, 10, 10], [0.0, 0, 10, 5], [20.0, 20, 30, 30]])
    found = computed(BoxCurves(), boxes, truth)
    curve = found["success"]["all"]
    assert found.keys() == {"success"}
    assert curve["area"] == pytest.approx(0.5)
    recall = dict(zip(curve["iou"], curve["recall"], strict=True))
    assert [recall[at] for at in (0, 0.01, 0.5, 0.51, 1)] == pytest.approx(
        [1, 2 / 3, 2 / 3, 1 / 3, 1 / 3], abs=1e-5
    )
    # The mean of the steps between is the area, but for the first, which is 1 at 0 alone.
    assert np.mean(curve["recall"][1:]) == pytest.approx(curve["area"], abs=1e-5)


def test_pairs_are_those_of_the_metric() -> None:
    draw = torch.Generator().manual_seed(3)
    labels = torch.randint(0, 3, (30,), generator=draw)
    embeddings = torch.randn(30, 4, generator=draw) + labels[:, None]
    found = computed(SimilarityCurves(4), embeddings, labels)
    assert found.keys() == {"roc", "pr", "chance"}
    metrics = SimilarityMetrics(["auroc"], 4)
    metrics.update(embeddings, labelled(labels))
    assert found["roc"]["all"]["auc"] == pytest.approx(float(metrics.compute()["auroc"]), abs=1e-6)
    one_class = SimilarityCurves(4)
    one_class.update(embeddings, labelled(torch.zeros_like(labels)))
    assert one_class.compute() == {}


def test_thinned_curves_keep_their_ends_and_stay_near() -> None:
    x = np.linspace(0, 1, 5000)
    y = np.sqrt(x)
    few, of_them, number = thinned(MOST, x, y, np.arange(5000.0))
    assert len(few) <= MOST
    assert (number[0], number[-1]) == (0, 4999)
    assert np.abs(np.interp(x, few, of_them) - y).max() < 0.01
    assert (points(2), points(100), points(10_000)) == (200, 40, 20)
