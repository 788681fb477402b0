"""The command ``mtl``: finds the subcommand and turns errors into exit codes."""

import importlib
import io
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtl import __version__
from mtl.cli.help_text import fitted
from mtl.config.nearest import listing, nearest
from mtl.errors import RunError, UserError
from mtl.files import unwritable
from mtl.processes import is_first_process


@dataclass(frozen=True)
class Command:
    """A subcommand.

    Args:
        module: has ``run(arguments) -> exit code`` and ``HELP``, and is imported when chosen.
        description: one line.
    """

    module: str
    description: str


COMMANDS = {
    "train": Command("mtl.cli.train", "train a network, or sweep over many with -m"),
    "eval": Command("mtl.cli.evaluate", "evaluate a run's best checkpoint on a split"),
    "predict": Command("mtl.cli.predict", "run a trained network on your own images"),
    "compress": Command("mtl.cli.compress", "make a trained run smaller or faster, step by step"),
    "calibrate": Command("mtl.cli.calibrate", "find a run's temperatures and thresholds"),
    "export": Command("mtl.cli.export", "write a trained run as a file that others can use"),
    "compare": Command("mtl.cli.compare", "which of many runs is better, and is that chance"),
    "report": Command("mtl.cli.report", "write a run, or a comparison of runs, as one page"),
    "status": Command("mtl.cli.status", "which jobs of a sweep run, wait or failed, and how long"),
    "baselines": Command("mtl.cli.baselines", "train each task of a run alone, for the gain"),
    "affinity": Command("mtl.cli.affinity", "measure which tasks help each other, and group them"),
    "channels": Command("mtl.cli.channels", "which tasks use which channels of the encoder"),
    "rerun": Command("mtl.cli.rerun", "repeat a run, and say whether its numbers agree"),
    "replay": Command("mtl.cli.replay", "once more through a step whose loss was not finite"),
    "upgrade": Command("mtl.cli.upgrade", "rewrite configurations that an older version left"),
    "inspect": Command("mtl.cli.inspect_", "look at the data: counts, and a grid of samples"),
    "split": Command("mtl.cli.split", "write lists of which image is in train, val and test"),
    "cache": Command("mtl.cli.cache", "what data.cache=true keeps on disk, and clearing it"),
    "ls": Command("mtl.cli.ls", "list the groups of the configuration and their members"),
    "doctor": Command("mtl.cli.doctor", "check versions, device, extras and data folders"),
}

EXAMPLES = """\
examples:
  mtl train                                     three tasks on generated images
  mtl train data=voc_folder data.root=FOLDER 'tasks=[detection]'
  mtl train -m backbone=small_cnn,resnet18 lr=1e-3,3e-4
  mtl predict run=outputs/runs/NAME/TIME input=FOLDER out=FOLDER

completion: eval "$(mtl -sc install=bash)\""""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: without the program's name; None takes the process's own.

    Returns:
        0 fine, 1 the run failed, 2 the user asked for something that can't be, 130 interrupted,
        141 nobody reads the output any more.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What the terminal can't show must not end the command.
        sys.stdout.reconfigure(errors="replace")
    try:
        code = dispatch(arguments)
        sys.stdout.flush()
        return code
    except UserError as error:
        _say(error)
        return 2
    except RunError as error:
        _say(error)
        return 1
    except KeyboardInterrupt as stop:
        if is_first_process():
            _say("; ".join(["interrupted", *map(str, stop.args)]))
        return 130
    except BrokenPipeError:
        # The reader (head, less) has had enough; the interpreter must not flush into it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        said = unwritable(error)
        if said is None:
            raise
        _say(said)
        return 1


def _say(what: object) -> None:
    """Without a message another process of the same run says it."""
    from mtl.terminal import complain  # which takes a while to import

    if str(what):
        complain(what)


def dispatch(arguments: list[str]) -> int:
    """Hand over to the subcommand.

    Raises:
        UserError: there is no such command.
    """
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        print(fitted(usage()))
        return 0
    name, *rest = map(at_home, arguments)
    if name == "--version":
        print(f"mtl {__version__}")
        return 0
    if name in ("-sc", "--shell-completion"):
        from mtl.cli.completion import run as complete

        return complete(rest)
    if name not in COMMANDS:
        hint = "".join(f"; did you mean '{near}'?" for near in nearest(name, COMMANDS))
        raise UserError(f"no command '{name}'{hint or '.'} There are: {listing(COMMANDS)}")
    module = importlib.import_module(COMMANDS[name].module)
    if name != "train" and any(flag in rest for flag in ("--help", "-h")):
        print(fitted(module.HELP))
        return 0
    code: int = module.run(rest)
    return code


def at_home(argument: str) -> str:
    """``key=~/folder`` with the home folder written out: neither the shell nor Hydra does it."""
    key, equals, value = argument.partition("=")
    if not equals or not (value == "~" or value.startswith("~/")):
        return argument
    return f"{key}={Path(value).expanduser()}"


def usage() -> str:
    """What ``mtl --help`` prints."""
    rows = "\n".join(f"  {name:<10} {c.description}" for name, c in COMMANDS.items())
    return (
        "usage: mtl COMMAND [key=value ...]\n\n"
        f"commands:\n{rows}\n\n"
        "mtl COMMAND --help says more; mtl --version; python -m mtl is the same.\n\n"
        f"{EXAMPLES}"
    )


if __name__ == "__main__":
    sys.exit(main())
