"""Which target of the data each task learns from."""

from collections.abc import Mapping
from typing import Any

from mtl.config.columns import targets_of
from mtl.config.kinds import check_kind
from mtl.config.nearest import in_words, listing, unknown
from mtl.errors import UserError


class NoTargetError(UserError):
    """The data labels nothing of the kind that a task needs."""


def label_tasks(heads: dict[str, dict[str, Any]], data: Mapping[str, Any]) -> None:
    """Fill in ``target`` of each head.

    Args:
        heads: of the chosen tasks; changed in place.
        data: the data node; ``targets`` maps target name to kind.

    Raises:
        UserError: the data can't label a task, there is more than one way, or no such kind; or
            ``balance`` names no target.
    """
    targets = targets_of(data)
    for name, kind in targets.items():
        check_kind(f"data.targets.{name}", kind)
    balance = data.get("balance")
    if balance is not None and balance not in targets:
        raise UserError(f"data.balance: {unknown('target', str(balance), targets)}")
    for task, head in heads.items():
        if head.get("kind") is not None:
            check_kind(f"heads.{task}.kind", head["kind"])
        try:
            head["target"] = target_of(task, head, targets)
        except NoTargetError as error:
            left = [name for name, other in heads.items() if other.get("kind") in targets.values()]
            left = left or list((data.get("suggested") or {}).get("tasks") or ())
            hint = f"; it can train tasks={in_words(left)}" if left else ""
            raise UserError(f"{error}{hint}") from error


def target_of(task: str, head: Mapping[str, Any], targets: Mapping[str, str]) -> str:
    """The target that is asked for, else named like the task, else the only one of its kind.

    Of several, the one of the data set that is named like the task (``data=mixed``) is taken.

    Raises:
        UserError: see ``label_tasks``.
    """
    kind = head.get("kind")
    there = listing(f"{name} ({k})" for name, k in targets.items())
    asked = head.get("target")
    if asked is not None:
        if asked not in targets:
            raise UserError(f"heads.{task}.target={asked}: the data can label {there}")
        if kind is not None and targets[asked] != kind:
            raise UserError(
                f"heads.{task}.target={asked}: is {targets[asked]}, but the head needs {kind}"
            )
        return str(asked)
    if task in targets and kind in (None, targets[task]):
        return task
    fitting = [name for name, k in targets.items() if k == kind]
    if not fitting:
        raise NoTargetError(f"task {task} needs {kind}, but the data can only label {there}")
    of_set = [name for name in fitting if name.startswith(f"{task}.")]
    if len(of_set) == 1:
        return of_set[0]
    if len(fitting) > 1:
        raise UserError(
            f"task {task} could learn from {listing(fitting)}: choose by heads.{task}.target=NAME"
        )
    return fitting[0]
