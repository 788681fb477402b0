"""Reading checkpoints, which hold tensors and plain containers only."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from mtl.config.kinds import KINDS
from mtl.data.sample import Target
from mtl.errors import BadFile, UserError
from mtl.model.channels import take_channels
from mtl.model.network import Network
from mtl.model.resized import take_shapes
from mtl.model.torch_file import why_no_tensors


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's content, on the CPU.

    Raises:
        UserError: there is no such file.
        BadFile: it is cut off, or holds something other than tensors and plain containers.
    """
    if not path.is_file():
        raise UserError(f"no checkpoint at {path}: has the run finished an epoch?")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile file can raise anything
        reason = why_no_tensors(path, error)
        raise BadFile(path, f"can't be read as a checkpoint ({reason})") from error
    if not isinstance(content, dict) or not _named_tensors(content.get("state_dict")):
        raise BadFile(path, "is no checkpoint of a run: it holds no named tensors")
    return cast(dict[str, Any], content)


def _named_tensors(state: object) -> bool:
    return isinstance(state, dict) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in state.items()
    )


def trained_targets(
    path: Path, own: Collection[str] = (), saved: Mapping[str, Any] | None = None
) -> dict[str, Target]:
    """What the data that a checkpoint was trained on could label.

    Args:
        path: of the checkpoint.
        own: kinds of the user's own that it may name: those that its configuration names, which
            has been checked (see ``mtl.config.trust``).
        saved: its content, where it has been read.

    Raises:
        UserError: there is no such checkpoint, or it says nothing of this.
        BadFile: it can't be read.
    """
    try:
        found = (read_checkpoint(path) if saved is None else saved)["mtl"]["targets"]
        for target in found.values():
            if target["kind"] not in KINDS and target["kind"] not in own:
                raise UserError(
                    f"{path} names the kind of target {target['kind']}, which its run's "
                    "configuration does not"
                )
        return {name: Target.of_plain(t) for name, t in found.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} does not hold the names of its classes; train the run again"
        ) from error


def load_network_weights(network: Network, path: Path) -> None:
    """Put a run's weights into a network of the same configuration.

    Args:
        network: as ``build_network`` makes it; its layers become as small as those of a
            compressed run.
        path: of a checkpoint.

    Raises:
        UserError: the weights don't fit.
    """
    saved = read_checkpoint(path)
    as_small_as(saved, network)
    try:
        network.load_state_dict(network_state(saved))
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise UserError(f"{path} doesn't fit this configuration: {reason}") from error


def as_small_as(saved: Mapping[str, Any], network: Network) -> None:
    """Give a network the channels and shapes of a checkpoint, where it says that they are its own.

    Args:
        saved: content of the checkpoint.
        network: as ``build_network`` makes it; left alone where the checkpoint says no such thing.

    Raises:
        UserError: its shapes are no parts of the network's.
    """
    about = saved.get("mtl")
    if isinstance(about, Mapping) and about.get("resized") is True:
        state = network_state(saved)
        take_channels(network, state)
        take_shapes(network, state)


def network_state(saved: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors of the network, by their names in it.

    Args:
        saved: content of a checkpoint.
    """
    prefix = "network."
    state = saved["state_dict"].items()
    return {name.removeprefix(prefix): v for name, v in state if name.startswith(prefix)}


def refuse_misfit(path: Path, saved: Mapping[str, Any], module: nn.Module) -> None:
    """See that a run can go on from a checkpoint: its tensors are those of the module.

    They aren't where another version of this package, or of a user's own class, has written it.

    Args:
        path: of the checkpoint.
        saved: its content.
        module: into which it is to be loaded.

    Raises:
        UserError: names the first tensor that is missing, too much, or of another shape.
    """
    kept, own = saved["state_dict"], module.state_dict()
    for name in [*own, *kept]:
        shapes = [tuple(state[name].shape) if name in state else None for state in (kept, own)]
        if shapes[0] != shapes[1]:
            then, now = ("absent" if shape is None else f"{shape}" for shape in shapes)
            raise UserError(
                f"{path} was written by other code: {name} was {then} and is {now} now; begin a "
                "new run, in another hydra.run.dir"
            )
