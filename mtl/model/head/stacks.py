"""Heads that differ in nothing but their weights, run as one."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_map

from mtl.data.batch import Labelled
from mtl.model.backbone.base import Features
from mtl.model.head.base import Head

LEAST = 4
"""Heads from which on one call for all is faster than one for each."""
NO_FORM = ("target", "calibration", "metrics", "per_class")
"""What neither ``forward`` nor ``loss`` of a head that ``stacks`` looks at."""
Slot = tuple[dict[str, Any], str]
"""Where a module has a tensor, and under which key."""


class HeadStacks:
    """Runs heads of one form together, by ``torch.vmap`` over their stacked weights.

    Forty attributes then cost little more than one head with forty outputs, on a GPU above all,
    where each small kernel takes as long as a large one.

    Args:
        heads: task to head; looked at anew whenever one of their modules was exchanged.
    """

    def __init__(self, heads: nn.ModuleDict) -> None:
        self.heads = heads
        self._modules: list[nn.Module | bool] = []
        self._forms: dict[str, int] = {}
        self._slots: dict[str, dict[str, Slot]] = {}

    def groups(self, keys: Mapping[str, Hashable]) -> list[list[str]]:
        """The tasks that can run together, at least ``LEAST`` in each group.

        Args:
            keys: task to what has to be equal besides the form, such as whose samples it gets.
        """
        if len(keys) < LEAST:
            return []
        self._look()
        found: dict[Hashable, list[str]] = {}
        for task, key in keys.items():
            if task in self._forms:
                found.setdefault((self._forms[task], self._shapes(task), key), []).append(task)
        return [tasks for tasks in found.values() if len(tasks) >= LEAST]

    def outputs(self, tasks: Sequence[str], features: Features) -> dict[str, Any]:
        """``Head.forward`` of each of a group's heads.

        Args:
            tasks: of a group.
            features: that all of them get.
        """
        first = self.heads[tasks[0]]
        run = torch.vmap(
            lambda own: functional_call(first, own, (features,)), randomness="different"
        )
        return _apart(tasks, run(self._stacked(tasks)))

    def losses(
        self, tasks: Sequence[str], outputs: Mapping[str, tuple[Any, Labelled]]
    ) -> dict[str, Tensor]:
        """``Head.loss`` of each of a group's heads.

        Args:
            tasks: of a group.
            outputs: task to raw output and labels, whose values are tensors of one shape.
        """
        first = _Loss(cast(Head, self.heads[tasks[0]]))
        index = outputs[tasks[0]][1].index
        raws = _together([outputs[task][0] for task in tasks])
        values = _together([outputs[task][1].value for task in tasks])
        own = {f"head.{name}": tensor for name, tensor in self._stacked(tasks).items()}
        run = torch.vmap(
            lambda own, raw, value: functional_call(first, own, (raw, Labelled(index, value))),
            randomness="different",
        )
        return _apart(tasks, run(own, raws, values))

    def _shapes(self, task: str) -> tuple[torch.Size, ...]:
        """Of its tensors, which compression may have made smaller."""
        return tuple(_at(slot).shape for slot in self._slots[task].values())

    def _stacked(self, tasks: Sequence[str]) -> dict[str, Tensor]:
        slots = [self._slots[task] for task in tasks]
        return {name: torch.stack([_at(own[name]) for own in slots]) for name in slots[0]}

    def _look(self) -> None:
        """See which heads are of one form, where that isn't known."""
        modules: list[nn.Module | bool] = []
        for head in self.heads.values():
            modules += head.modules()
            modules.append(head.training)
        if modules == self._modules:
            return
        self._modules, self._forms, self._slots = modules, {}, {}
        firsts: list[nn.Module] = []
        for task, head in self.heads.items():
            if not stacks(head):
                continue
            form = next((n for n, one in enumerate(firsts) if _same_form(one, head)), len(firsts))
            firsts += [head] * (form == len(firsts))
            self._forms[task] = form
            self._slots[task] = dict(_slots(head))


def stacks(head: nn.Module) -> bool:
    """Whether the head's very class says so: a subclass may do what can't be stacked."""
    return bool(vars(type(head)).get("stacks", False))


class _Loss(nn.Module):
    """A head's loss as a module's ``forward``, as ``functional_call`` wants it."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head = head

    def forward(self, raw: Any, labels: Labelled) -> Tensor:
        return self.head.loss(raw, labels)


def _slots(module: nn.Module) -> list[tuple[str, Slot]]:
    """Where the tensors of a module and of those inside it are, by name."""
    return [
        (f"{prefix}.{key}" if prefix else key, (holder, key))
        for prefix, inner in module.named_modules()
        for holder in (inner._parameters, inner._buffers)
        for key, tensor in holder.items()
        if tensor is not None
    ]


def _same_form(one: nn.Module, other: nn.Module) -> bool:
    """Whether two modules differ in nothing but the values of their tensors."""
    return (
        type(one) is type(other)
        and _plain(one) == _plain(other)
        and [_shape(t) for t in _own(one)] == [_shape(t) for t in _own(other)]
        and list(one._modules) == list(other._modules)
        and all(_same_form(a, b) for a, b in zip(one.children(), other.children(), strict=True))
    )


def _plain(module: nn.Module) -> dict[str, Any]:
    held = ("_parameters", "_buffers", "_modules")
    return {k: v for k, v in vars(module).items() if k not in held and k not in NO_FORM}


def _own(module: nn.Module) -> list[Tensor | None]:
    return [*module._parameters.values(), *module._buffers.values()]


def _shape(tensor: Tensor | None) -> object:
    return None if tensor is None else (tensor.shape, tensor.dtype)


def _at(slot: Slot) -> Tensor:
    holder, key = slot
    return cast(Tensor, holder[key])


def _together(values: Sequence[Any]) -> Any:
    return tree_map(lambda *tensors: torch.stack(tensors), *values)


def _apart(tasks: Sequence[str], values: Any) -> dict[str, Any]:
    """What was computed for all, task by task."""
    if isinstance(values, Tensor):
        return dict(zip(tasks, values.unbind(), strict=True))
    parts = {name: tensor.unbind() for name, tensor in values.items()}
    return {
        task: {name: found[place] for name, found in parts.items()}
        for place, task in enumerate(tasks)
    }
