"""What a page takes from run folders."""

import json

import numpy as np
import pytest
from page_kit import write_full_run
from PIL import Image

from mtl.errors import BadFile
from mtl.runs.page.gather.averages import GRID, averaged, height_at, pooled_reliability
from mtl.runs.page.gather.command import read_command
from mtl.runs.page.gather.decisions import Reliability, TradeOff, read_decisions
from mtl.runs.page.gather.disagreements import largest
from mtl.runs.page.gather.pictures import embedded
from mtl.runs.page.gather.scalars import Logged, band, read_scalars
from mtl.runs.page.gather.turned import read_turned
from mtl.runs.page.sections.cost import pareto_front


def test_scalars_are_read_and_broken_rows_left_out(tmp_path):
    (tmp_path / "metrics.csv").write_text(
        "step,metric,value\n20,val/score,0.5\n10,val/score,0.4\nx,val/score,1\n30,val/score,nan\n"
        "10,lr/heads,0.1\n10,val/score\n"
    )
    assert read_scalars(tmp_path) == {"val/score": Logged([10, 20], [0.4, 0.5])}
    assert read_scalars(tmp_path / "none") == {}


def test_band_is_mean_and_range_over_the_runs_that_got_so_far():
    found = band([Logged([1, 2], [1.0, 2.0]), Logged([1, 2, 3], [3.0, 6.0, 7.0])])
    assert found.steps == [1, 2, 3]
    assert found.mean == [2.0, 4.0, 7.0]
    assert found.low == [1.0, 2.0, 7.0]
    assert found.high == [3.0, 6.0, 7.0]


def test_long_curves_are_averaged_over_neighbours():
    found = band([Logged(range(1, 7), [0.0, 1.0, 2.0, 3.0, 4.0, 6.0])], most=3)
    assert found.steps == [2, 4, 6]
    assert found.mean == [0.5, 2.5, 5.0]


def test_roc_is_averaged_vertically():
    line = TradeOff([0.0, 1.0], [0.0, 1.0], 0.5)
    step = TradeOff([0.0, 0.0, 1.0], [0.0, 0.5, 1.0], 0.75)
    grid, mean, low, high = averaged([line, step], "roc")
    half = int(np.flatnonzero(grid == 0.5)[0])
    assert (low[half], mean[half], high[half]) == (0.5, 0.625, 0.75)
    assert height_at([line, step], 0.2) == pytest.approx((0.2 + 0.6) / 2)


def test_precision_between_points_is_that_of_the_next():
    curve = TradeOff([0.0, 0.5, 1.0], [1.0, 0.8, 0.4], None)
    mean = dict(zip(GRID.tolist(), averaged([curve], "pr")[1].tolist(), strict=True))
    assert (mean[0.0], mean[0.25], mean[0.5], mean[1.0]) == (1.0, 0.8, 0.8, 0.4)


def test_bins_of_seeds_weigh_as_many_samples_as_they_have():
    first = Reliability([0.90], [1.0], [10], 0.1)
    second = Reliability([0.30, 0.91], [0.5, 0.7], [5, 20], 0.3)
    pooled = pooled_reliability([first, second])
    assert pooled.count == [5, 30]
    assert pooled.accuracy == pytest.approx([0.5, 24 / 30])
    assert pooled.confidence == pytest.approx([0.3, (9 + 18.2) / 30])
    assert pooled.error == pytest.approx(0.2)


def test_decisions_that_do_not_fit_are_left_out(tmp_path):
    node = {
        "confusion": {"classes": ["a", "b"], "counts": [[1, 2], [3]]},
        "roc": {"all": {"fpr": [0, 1], "tpr": [0]}, "a": {"fpr": [0, "x"], "tpr": [0, 1]}},
        "pr": {"all": {"recall": [1, 0], "precision": [0.5, 1], "ap": None}},
        "calibration": [],
    }
    (tmp_path / "curves").mkdir()
    (tmp_path / "curves/test.json").write_text(json.dumps({"box": node, "other": 3}))
    found = read_decisions(tmp_path)
    assert found["box"].confusions is None
    assert found["box"].reliability is None
    assert found["box"].curves["roc"] == {}
    assert found["box"].curves["pr"] == {"all": TradeOff([0, 1], [1, 0.5], None)}
    (tmp_path / "curves/test.json").write_text("[")
    with pytest.raises(BadFile, match="can't be read as JSON"):
        read_decisions(tmp_path)


def test_angles_come_in_their_order(tmp_path):
    (tmp_path / "eval").mkdir()
    content = {"angles": [90, 0], "metrics": {"test/box/iou": [0.1, 0.2], "short": [1]}}
    (tmp_path / "eval/rotation_test.json").write_text(json.dumps(content))
    found = read_turned(tmp_path)
    assert found is not None
    assert (found.angles, found.metrics) == ([0, 90], {"test/box/iou": [0.2, 0.1]})


def test_command_is_that_of_the_log(tmp_path):
    run = write_full_run(tmp_path / "run", "pcgrad", 1)
    assert read_command(run) == "mtl train weighting=pcgrad seed=1"
    assert read_command(tmp_path) == ""


@pytest.mark.slow
def test_pictures_are_encoded_anew(tmp_path):
    path = tmp_path / "a.png"
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3)).astype(np.uint8)
    Image.fromarray(noise).save(path)
    found = embedded(path, most_bytes=20_000)
    assert found is not None
    assert found.address.startswith("data:image/png;base64,")
    assert len(found.address) < 20_000 * 4 / 3 + 100
    assert found.width / found.height == pytest.approx(4 / 3, abs=0.02)
    for content in (b"<svg onload='alert(1)'>", path.read_bytes()[:500]):
        path.write_bytes(content)
        assert embedded(path, 20_000) is None
    assert embedded(tmp_path / "none.png", 20_000) is None


def test_largest_disagreements_come_first():
    rows = {0: {"a": 1.0, "b": 0.5, "c": 1.0}, 2: {"a": 0.9, "b": 0.0, "c": 1.0, "d": 0.0}}
    assert [item.sample for item in largest(rows, 5)] == ["b", "a"]
    assert largest({0: {"a": 1.0}}, 5) == []


def test_pareto_front_is_what_nothing_beats():
    points = {0: (1.0, 0.5), 1: (2.0, 0.7), 2: (3.0, 0.6), 3: (1.0, 0.4)}
    assert pareto_front(points, more_cost=False, more_quality=True) == {0, 1}
    # More images per second, and less of an error.
    assert pareto_front(points, more_cost=True, more_quality=False) == {2, 3}


def test_success_of_boxes_is_a_line_between_its_points(tmp_path):
    run = write_full_run(tmp_path / "run", "equal", 0)
    curve = read_decisions(run)["box"].curves["success"]["all"]
    assert curve == TradeOff([0, 0.4, 1], [1, 1, 0], 0.7)
    assert height_at([curve], 0.7) == pytest.approx(0.5)
    assert averaged([curve], "success")[1][GRID == 0.1] == 1
