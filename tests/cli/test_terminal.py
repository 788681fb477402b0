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
