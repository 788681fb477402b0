"""What is said ends its lines between words on a terminal."""

import pytest

from mtl.terminal import complain, in_width

LONG = "mtl: heads=x: no head 'clasification'; did you mean 'classification'? There are: box, count"
COMMAND = "mtl train data=voc_folder data.root=/some/where/far/away 'tasks=[detection]' epochs=100"


@pytest.mark.parametrize("width", range(20, 100, 7))
def test_lines_end_between_words(width: int) -> None:
    lines = in_width(LONG, width).splitlines()
    assert " ".join(lines) == LONG
    assert all(len(line) <= width for line in lines)


def test_a_command_stays_whole() -> None:
    assert in_width(COMMAND, 40) == COMMAND
    assert in_width(f"  {COMMAND}", 40) == f"  {COMMAND}"
    said = in_width(f"it looks like data=voc_folder, too: {COMMAND}", 40).splitlines()
    assert said == ["it looks like data=voc_folder, too:", f"  {COMMAND}"]
    sweep = COMMAND.replace("train", "train -m")
    assert in_width(f"it goes on with: {sweep}", 40) == f"it goes on with:\n  {sweep}"


@pytest.mark.parametrize(
    "kept",
    [
        "mtl train --cfg job",
        "mtl train -m",
        "mtl ls weighting/famo",
        "mtl upgrade run=DIR",
        "mtl baselines 'runs=[outputs/a b,c]' out=here",
        "-1.0 ± 42.0 %",
        "0.344 ± 0.014",
    ],
)
def test_what_belongs_together_stays_on_a_line_inside_a_sentence(kept: str) -> None:
    for before in range(1, 50):
        said = in_width(f"{'x' * before} or write {kept}, which says more of it all", 50)
        assert sum(kept in line for line in said.splitlines()) == 1, said
        assert " ".join(said.splitlines()).endswith("more of it all")
    long = f"{kept} {'x' * 50} and so on and on and on"
    assert max(map(len, in_width(f"before it {long}", 55).splitlines())) <= 55


def test_words_after_a_command_are_none_of_it() -> None:
    said = in_width("see mtl train with words that go on until the line ends", 20)
    assert said.splitlines()[0] == "see mtl train with"


def test_what_is_piped_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    complain(LONG.removeprefix("mtl: "))
    assert capsys.readouterr().err == f"{LONG}\n"


def test_what_a_terminal_gets_is_filled(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    complain(LONG.removeprefix("mtl: "))
    assert capsys.readouterr().err == in_width(LONG, 40) + "\n"
