"""What ``target=`` asks for; nothing here imports torch."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mtl.config.nearest import unknown
from mtl.config.overrides import key_of, parse
from mtl.errors import UserError

SIZES = {"megabytes": "MB", "milliseconds": "ms"}
PREFIX = "target."


@dataclass(frozen=True)
class Goal:
    """What the result has to be.

    Args:
        megabytes: of its file at most; None for any.
        milliseconds: its median time at batch 1 at most, in ONNX Runtime where that is there.
        loss: task to the points of its main metric that it may lose on the validation split.
    """

    megabytes: float | None = None
    milliseconds: float | None = None
    loss: Mapping[str, float] = field(default_factory=dict)

    @property
    def limits(self) -> dict[str, float]:
        """By name, as on the command line."""
        sizes = {name: value for name in SIZES if (value := getattr(self, name)) is not None}
        return sizes | {f"loss.{task}": points for task, points in self.loss.items()}

    @property
    def plain(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    def missed(self, reached: Mapping[str, float]) -> dict[str, float]:
        """What is beyond its limit, by name, and what it is.

        Args:
            reached: by the names of ``limits``.
        """
        return {n: reached[n] for n, most in self.limits.items() if not reached[n] <= most}


def goal_of(arguments: Sequence[str], tasks: Sequence[str]) -> tuple[Goal | None, list[str]]:
    """Take ``target.…=`` out of a command's arguments.

    Args:
        arguments: of the command.
        tasks: of the run.

    Returns:
        What is asked for, None where nothing is, and the other arguments.

    Raises:
        UserError: there is no such target or task, or it is no number of at least 0.
    """
    own = [text for text in arguments if key_of(text).startswith(PREFIX)]
    others = [text for text in arguments if text not in own]
    sizes: dict[str, float] = {}
    loss: dict[str, float] = {}
    for text in own:
        name, given = key_of(text).removeprefix(PREFIX), parse(text).value()
        value = float(given) if isinstance(given, int | float) else -1.0
        if isinstance(given, bool) or not value >= 0:
            raise UserError(f"{text}: must be a number, 0 or more")
        part, _, task = name.partition(".")
        if name in SIZES:
            sizes[name] = value
        elif part != "loss":
            raise UserError(f"{text}: {unknown('target', name, [*SIZES, 'loss'])}")
        elif task and task not in tasks:
            raise UserError(f"{text}: {unknown('task', task, tasks)}")
        else:
            # A task's own limit holds against the one of all.
            loss |= {task: value} if task else dict.fromkeys(set(tasks) - loss.keys(), value)
    return (Goal(**sizes, loss=loss) if own else None), others
