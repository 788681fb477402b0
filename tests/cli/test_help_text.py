"""Help in a narrow terminal."""

import importlib

import pytest

from mtl.cli.help_text import wrapped
from mtl.cli.main import COMMANDS, usage
from mtl.cli.train_help import train_help

TEXT = """\
usage: mtl look run=DIR [at=THING] [twice=true]
       mtl look runs=[A,B]

Looks at things, and says of each of them what it is that
was seen.

  run=     the folder that the training made, or another one
           of its kind
  a b      short

examples:
  mtl look run=outputs/runs/NAME/TIME at=something-that-is-long
  mtl look run=A at=something-long    as it is"""
NARROW = """\
usage: mtl look run=DIR [at=THING]
           [twice=true]
       mtl look runs=[A,B]

Looks at things, and says of each of
them what it is that was seen.

  run=     the folder that the training
           made, or another one
           of its kind
  a b      short

examples:
  mtl look run=outputs/runs/NAME/TIME at=something-that-is-long
  mtl look run=A at=something-long
      as it is"""


def test_a_narrow_terminal() -> None:
    assert wrapped(TEXT, 40) == NARROW
    assert wrapped(TEXT, 20) == NARROW
    assert wrapped(TEXT, 200) == TEXT


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_command_fits_and_loses_no_word(name: str) -> None:
    if name == "train":
        text = train_help()
    else:
        text = importlib.import_module(COMMANDS[name].module).HELP if name else usage()
    lines = wrapped(text, 80)
    assert lines.split() == text.split()
    assert [line for line in lines.splitlines() if len(line) > 80] == []
    assert lines.count("\n\n") == text.count("\n\n")
