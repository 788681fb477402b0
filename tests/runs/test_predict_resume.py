"""Second starts of ``mtl predict``: they go on, and end as one start would have."""

import errno
import os
from pathlib import Path

import pytest
from prediction_kit import ShadeDecider, entries, plain, read_json, start

from mtl.errors import BadFile, InUse, UserError
from mtl.files import write_whole
from mtl.runs.prediction.out_folder import OutFolder

GREYS = (0, 51, 102, 153, 204)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    return [plain(tmp_path / "photos" / f"{grey}.png", grey) for grey in GREYS]


def half(out: Path, lines: int) -> None:
    """As a process leaves it that was killed while it wrote a line."""
    journal = out / "predictions.jsonl"
    whole = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(whole[:lines]) + whole[lines][:20])
    for name in ("predictions.json", "shade.csv"):
        (out / name).unlink()


def test_it_goes_on_and_ends_the_same(photos: list[Path], tmp_path: Path) -> None:
    formats = ("json", "csv", "pictures")
    start(photos, tmp_path / "unbroken", *formats)
    start(photos, tmp_path / "out", *formats)
    half(tmp_path / "out", lines=2)
    again = ShadeDecider()

    outcome = start(photos, tmp_path / "out", *formats, decider=again)

    assert (outcome.pictures, outcome.before, again.decided) == (3, 2, 3)
    names = sorted(path.name for path in (tmp_path / "unbroken").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "out").iterdir())
    for name in names:
        one, other = (tmp_path / folder / name for folder in ("unbroken", "out"))
        assert one.read_bytes() == other.read_bytes(), name


def test_what_is_finished_is_not_predicted_again(photos: list[Path], tmp_path: Path) -> None:
    start(photos[:3], tmp_path / "out")
    third = ShadeDecider()
    outcome = start(photos, tmp_path / "out", "csv", decider=third)
    assert (outcome.pictures, outcome.before, third.decided) == (2, 3, 2)
    assert [Path(entry["file"]).stem for entry in entries(tmp_path / "out")] == list(
        map(str, GREYS)
    )
    # However the path is written, and another format costs nothing.
    beside = [Path(os.path.relpath(path)) for path in photos]
    nothing = start(beside, tmp_path / "out", "json", "coco", decider=third)
    assert (nothing.pictures, nothing.before, third.decided) == (0, 5, 2)
    assert nothing.there == ["predictions.json", "halves_coco.json"]
    assert len(read_json(tmp_path / "out" / "predictions.json")["images"]) == 5


def test_changed_files_and_missing_pictures_are_predicted_again(
    photos: list[Path], tmp_path: Path
) -> None:
    start(photos, tmp_path / "out")
    plain(photos[1], 255)
    os.utime(photos[1], (1, 1))
    photos[0].unlink()
    again = ShadeDecider()
    assert start(photos, tmp_path / "out", decider=again).pictures == 1
    changed = entries(tmp_path / "out")[-1]
    assert (changed["modified"], changed["shade"]["probabilities"]["light"]) == (1, 1)
    assert len(entries(tmp_path / "out")) == 5  # what is gone has been predicted
    start(photos[1:], tmp_path / "out", "pictures", decider=again)
    assert again.decided == 1 + 4
    assert len(entries(tmp_path / "out")) == 5


def test_broken_files_are_tried_again(photos: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "photos" / "broken.png"
    broken.write_bytes(b"not an image")
    paths = [photos[0], broken, *photos[1:]]
    outcome = start(paths, tmp_path / "out")
    assert (outcome.pictures, len(outcome.skipped)) == (5, 1)
    line = {"file": str(broken), "skipped": "is not an image"}
    assert entries(tmp_path / "out")[1] == line
    start(paths, tmp_path / "out")
    assert entries(tmp_path / "out")[-1] == line
    plain(broken, 7)
    assert start(paths, tmp_path / "out").skipped == []
    content = read_json(tmp_path / "out" / "predictions.json")
    assert (len(content["images"]), content["skipped"]) == (6, [])


def test_where_nothing_new_can_be_read_what_was_there_stays(
    photos: list[Path], tmp_path: Path
) -> None:
    start(photos, tmp_path / "out")
    with pytest.raises(BadFile, match="does not exist"):
        start([tmp_path / "gone.png"], tmp_path / "out")
    assert len(entries(tmp_path / "out")) == 6


def test_another_network_is_refused_or_begins_anew(photos: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    start(photos, out, settings={"overrides": ["ensemble.tta=[0,flip]"]})
    with pytest.raises(
        UserError,
        match=r"holds predictions of another network \(run=run checkpoint=best "
        r"ensemble.tta=\[0,flip\]\); choose another out=, or write overwrite=true to begin anew",
    ):
        start(photos, out, settings={"network": "two"})
    assert start(photos[:1], out, settings={"network": "two"}, overwrite=True).pictures == 1
    assert len(entries(out)) == 1
    assert read_json(out / "settings.json")["network"] == "two"
    write_whole(out / "settings.json", b"{}")
    with pytest.raises(UserError, match="another network"):
        start(photos, out)


def test_two_processes_do_not_write_into_one_folder(photos: list[Path], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    other = OutFolder(tmp_path / "out", {}, overwrite=False)
    with pytest.raises(InUse, match="another mtl predict is writing there now"):
        start(photos, tmp_path / "out")
    other.close()
    start(photos, tmp_path / "out")


def test_interrupted_it_says_how_to_go_on(photos: list[Path], tmp_path: Path) -> None:
    class Stopped(ShadeDecider):
        def decide(self, batch):
            if self.decided == 4:
                raise KeyboardInterrupt
            return super().decide(batch)

    with pytest.raises(KeyboardInterrupt, match=r"the same command goes on from .*jsonl"):
        start(photos, tmp_path / "out", decider=Stopped())
    assert len(entries(tmp_path / "out")) == 4
    assert not (tmp_path / "out" / "predictions.json").exists()
    assert start(photos, tmp_path / "out").pictures == 1


def test_a_full_disk_is_told_and_gone_on_from(photos: list[Path], tmp_path: Path) -> None:
    class Full(ShadeDecider):
        def in_pixels(self, decided, prepared):
            if decided > 0.5:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().in_pixels(decided, prepared)

    with pytest.raises(UserError, match=r"can't be written \(No space left on device\); the same"):
        start(photos, tmp_path / "out", decider=Full())
    assert len(entries(tmp_path / "out")) == 3
    assert start(photos, tmp_path / "out").pictures == 2


def test_own_results_are_no_input(photos: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "photos" / "out"
    start(photos, out, "pictures")
    more = [*photos, *out.glob("*.png")]
    assert start(more, out, "pictures").before == 5
    with pytest.raises(UserError, match="holds the input images"):
        start(photos, tmp_path / "photos")
