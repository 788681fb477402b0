"""What ``mtl predict`` reads, and in which order."""

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from prediction_kit import ShadeDecider, entries, plain, read_json, save, start
from rich.console import Console

from mtl.data.tile import Tiling
from mtl.errors import BadFile, UserError
from mtl.runs.prediction.ahead import ahead
from mtl.runs.prediction.inputs.find import find_images, find_inputs
from mtl.runs.prediction.inputs.planned import in_batches
from mtl.runs.prediction.inputs.video import Video, announced_frames
from mtl.runs.prediction.work import MOST_TOLD

GREYS = tuple(range(10, 250, 30))
"""Of eight frames."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 4.0, (32, 16))
    for grey in GREYS:
        writer.write(np.full((16, 32, 3), grey, np.uint8))
    writer.release()
    return path


def test_files_folders_and_globs(tmp_path: Path) -> None:
    top = [save(tmp_path / name) for name in ("a.png", "b[1].jpg")]
    deep = save(tmp_path / "deep" / "c.png")
    (tmp_path / ".hidden.png").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "clip.mp4").write_bytes(b"")
    assert find_images(str(tmp_path)) == top
    assert find_images(str(top[1])) == [top[1]]
    assert find_images(f"{tmp_path}/**/*.png") == [top[0], deep]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no image lies in this folder"):
        find_images(str(tmp_path / "empty"))


def test_lists_of_other_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    def listed(text: bytes) -> list[Path]:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text)))
        return find_inputs("-")

    assert listed(b"b.png\r\n\na b.jpg\nb.png\ncaf\xe9.png") == [
        Path("b.png"), Path("a b.jpg"), Path("b.png"), Path("caf\udce9.png")
    ]  # fmt: skip
    with pytest.raises(UserError, match="the standard input names no file"):
        listed(b"\n")


def test_order_is_kept_however_long_each_takes(tmp_path: Path) -> None:
    paths = [
        plain(tmp_path / f"{n}.png", 9, *((900, 900) if n % 3 == 0 else (2, 2))) for n in range(9)
    ]
    start(paths, tmp_path / "out", "jsonl", decider=ShadeDecider("shade"))
    assert [entry["name"] for entry in entries(tmp_path / "out")] == list("012345678")


def test_batches_are_bounded_in_parts_and_in_pixels() -> None:
    given = [("a", 1, 1), ("b", 1, 1), ("c", 1, 1), ("d", 3, 9), ("e", 0, 2), ("f", 1, 3)]
    items = [(lambda name=name: name, parts, pixels) for name, parts, pixels in given]
    grouped = [[item() for item in group] for group in in_batches(items, 2, 5)]
    assert grouped == [["a", "b"], ["c"], ["d"], ["e", "f"]]
    assert list(in_batches([], 2, 5)) == []


def test_the_thread_ahead_keeps_order_hands_on_errors_and_ends() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    assert list(ahead(items(), 3)) == list(range(100))
    made.clear()
    some = ahead(items(), 3)
    assert [next(some), next(some)] == [0, 1]
    some.close()
    assert len(made) <= 6
    assert "ahead" not in {thread.name for thread in threading.enumerate()}

    def failing() -> Iterator[int]:
        yield 1
        raise BadFile("a.png", "is broken")

    found = ahead(failing(), 1)
    assert next(found) == 1
    with pytest.raises(BadFile, match="is broken"):
        next(found)


def test_every_frame_of_a_video(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = start([clip], out, "json", "csv", "pictures", decider=ShadeDecider("shade"))
    assert outcome.pictures == 8
    content = read_json(out / "predictions.json")
    assert [(e["frame"], e["seconds"]) for e in content["images"]] == [
        (number, number / 4) for number in range(8)
    ]
    light = [entry["shade"]["probabilities"]["light"] for entry in content["images"]]
    np.testing.assert_allclose(light, np.array(GREYS) / 255, atol=0.01)
    [video] = content["videos"]
    assert video["picture"] == "clip.mp4"
    assert (video["frames"], video["fps"], video["file"]) == (8, 4.0, str(clip))
    drawn = list(Video(out / "clip.mp4").frames())
    assert len(drawn) == 8
    assert drawn[0].shape == (16, 32, 3)
    np.testing.assert_allclose([f[8, 20].mean() for f in drawn], GREYS, atol=12)
    assert (out / "shade.csv").read_text().startswith("file,frame,seconds,probabilities.dark")
    assert not list(out.glob(".*"))


def test_a_video_stopped_half_way_begins_anew(clip: Path, tmp_path: Path) -> None:
    out, photo = tmp_path / "out", plain(tmp_path / "a.png", 3)
    start([photo, clip], out, "jsonl", decider=ShadeDecider("shade"))
    journal = out / "predictions.jsonl"
    whole = journal.read_text()
    journal.write_text("".join(whole.splitlines(keepends=True)[:6]))
    again = ShadeDecider("shade")
    start([photo, clip], out, "jsonl", decider=again)
    assert again.decided == 8
    assert journal.read_text() == whole
    assert start([clip], out, "jsonl", decider=again).before == 1
    assert again.decided == 8


def test_broken_videos_are_skipped(clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    cut = tmp_path / "cut.avi"
    cut.write_bytes(clip.read_bytes()[:400])
    outcome = start([broken, cut, clip], tmp_path / "out", "pictures")
    assert outcome.pictures == 8
    assert [error.path for error in outcome.skipped] == [str(broken), str(cut)]
    assert "is not a video" in outcome.skipped[0].reason
    assert announced_frames(broken) == 1
    assert announced_frames(clip) == 8


def test_tiles_are_put_together_by_those_who_can(tmp_path: Path) -> None:
    """Black on the left, white on the right, so that each tile has a shade of its own."""
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 20:] = 255
    large = tmp_path / "large.png"
    cv2.imwrite(str(large), pixels)
    paths = [large, plain(tmp_path / "small.png", 51)]
    decider = ShadeDecider("shade")
    start(paths, tmp_path / "out", "json", "pictures", decider=decider, tiling=Tiling(20, 0))
    assert decider.batches == [2, 1]
    first, second = entries(tmp_path / "out")
    assert (first["width"], first["height"]) == (40, 20)
    assert [e["shade"]["probabilities"]["light"] for e in (first, second)] == [0.5, 0.2]
    with pytest.raises(UserError, match=r"tiles=20: what halves says of tiles can't be put tog"):
        start(paths, tmp_path / "other", tiling=Tiling(20, 0))
    with pytest.raises(UserError, match=r"holds predictions with tiles=20 overlap=0;"):
        start(paths, tmp_path / "out", decider=decider)


def test_of_many_broken_files_the_first_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prediction_kit.Console", lambda quiet: Console(width=200))
    photo = plain(tmp_path / "a.png", 3)
    broken = [tmp_path / f"{number}.png" for number in range(MOST_TOLD + 5)]
    for path in broken:
        path.write_bytes(b"")
    outcome = start([*broken, photo], tmp_path / "out", "jsonl")
    assert len(outcome.skipped) == MOST_TOLD + 5
    said = capsys.readouterr().out
    assert said.count("skipped ") == MOST_TOLD
    assert said.count("further files that can't be read are counted") == 1


def test_a_single_broken_file_is_told_by_who_refuses_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prediction_kit.Console", lambda quiet: Console(width=200))
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(BadFile, match="is empty"):
        start([tmp_path / "a.png"], tmp_path / "out", "jsonl")
    assert capsys.readouterr().out == ""


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# a page")
    with pytest.raises(UserError, match=r"input=.*README\.md: is not an image; name an image, a "):
        find_images(str(tmp_path / "README.md"))
    plain(tmp_path / "a.png", 3).rename(tmp_path / "photo")
    assert find_images(str(tmp_path / "photo")) == [tmp_path / "photo"]
    (tmp_path / "wide").write_bytes(b"II*\0 of more channels than PIL knows")
    assert find_images(str(tmp_path / "wide")) == [tmp_path / "wide"]
