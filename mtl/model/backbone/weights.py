"""Pre-trained tensors: where they come from and how they find their places in a backbone."""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from mtl.errors import BadFile, UserError
from mtl.model.backbone.base import Backbone
from mtl.model.torch_file import why_no_tensors

State = Mapping[str, Tensor]

log = logging.getLogger(__name__)


def apply_weights(
    backbone: Backbone,
    weights: str | None,
    original: nn.Module,
    imagenet: Callable[[], State],
    translate: Callable[[State], State] = dict,
) -> None:
    """Fill a fresh backbone as ``backbone.weights`` says.

    Args:
        backbone: changed in place.
        weights: ``none`` (or None), ``imagenet``, or the path of a file.
        original: the model that the backbone's tensors were taken from; files may use its names.
        imagenet: gives the ImageNet tensors under the original model's names.
        translate: brings what a file holds to the original model's names, where it has others.

    Raises:
        UserError: no such file, no such weights, or no tensor fits.
        BadFile: the file can't be read.
    """
    if weights is None or weights == "none":
        return
    state = imagenet() if weights == "imagenet" else translate(read_weights(weights))
    load_weights(backbone, state, original_names(backbone, original), source=weights)


def original_names(backbone: nn.Module, original: nn.Module) -> dict[str, str]:
    """Name in the original model to name in the backbone, for the tensors that they share."""
    theirs = {id(t): name for name, t in original.state_dict(keep_vars=True).items()}
    ours = backbone.state_dict(keep_vars=True)
    return {theirs[id(t)]: name for name, t in ours.items() if id(t) in theirs}


def read_weights(file: str) -> dict[str, Tensor]:
    """The tensors in a file.

    Args:
        file: a ``.safetensors`` file or anything that ``torch.load(weights_only=True)`` reads: a
            plain state dict, or a checkpoint that holds one under ``state_dict`` or ``model``.

    Raises:
        UserError: there is no such file.
        BadFile: it can't be read without running code from it, or holds no tensors.
    """
    path = Path(file)
    if not path.is_file():
        hint = "did you mean imagenet? " if get_close_matches(file, ["imagenet"]) else ""
        raise UserError(
            f"backbone.weights={file}: no such file; {hint}allowed: none, imagenet, "
            "or a file (.pt, .pth, .ckpt, .safetensors)"
        )
    content = _load(path)
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping):
        raise BadFile(path, "holds no state dict")
    tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise BadFile(path, "holds no tensors")
    return tensors


def _load(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails in as many ways as it has bytes
        raise BadFile(path, f"can't be read as weights ({why_no_tensors(path, error)})") from error


def load_weights(
    backbone: Backbone, state: State, names: Mapping[str, str], source: str
) -> list[str]:
    """Copy the tensors that fit and log the rest.

    A common prefix of the names (``network.encoder.backbone.``) is found by itself.

    Args:
        backbone: changed in place.
        state: under the backbone's own names or under those of the original model.
        names: original name to own name.
        source: for messages.

    Returns:
        The own names of the tensors that were loaded.

    Raises:
        UserError: nothing fits.
    """
    own = backbone.state_dict()
    match = max((_match(state, n) for n in ({k: k for k in own}, names)), key=len)
    fitting = {n: state[key] for n, key in match.items() if state[key].shape == own[n].shape}
    # Counters of batches are scalars and fit anywhere.
    if not any(tensor.ndim for tensor in fitting.values()):
        raise UserError(
            f"backbone.weights={source}: none of its {len(state)} tensors fits this backbone; "
            "choose the backbone that the file was made with, or weights=none"
        )
    backbone.load_state_dict(fitting, strict=False)
    missing = own.keys() - match.keys()
    mis_shaped = match.keys() - fitting.keys()
    notes = [
        _note("missing", missing),
        _note("of another shape", mis_shaped),
        _note("unexpected", state.keys() - set(match.values())),
    ]
    log.log(
        logging.WARNING if missing or mis_shaped else logging.INFO,
        "; ".join([f"{source}: {len(fitting)} of {len(own)} tensors loaded", *filter(None, notes)]),
    )
    return list(fitting)


def _match(state: State, names: Mapping[str, str]) -> dict[str, str]:
    """Own name to key, under the prefix where most names are found.

    Dots count as underscores: timm's feature extractors rename ``stages.0`` to ``stages_0``.
    """
    wanted = {name.replace(".", "_"): own for name, own in names.items()}
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for key in state:
        parts = key.split(".")
        for start in range(len(parts)):
            own = wanted.get("_".join(parts[start:]))
            if own is not None:
                found[".".join(parts[:start])][own] = key
    return max(found.values(), key=len, default={})


def _note(what: str, names: Collection[str]) -> str:
    if not names:
        return ""
    shown = ", ".join(sorted(names)[:3])
    return f"{len(names)} {what} ({shown}{', ...' if len(names) > 3 else ''})"


def torchvision_imagenet(model: str) -> State:
    """torchvision's best ImageNet weights, downloaded once.

    Raises:
        UserError: the download failed.
    """
    weights = torchvision.models.get_model_weights(model).DEFAULT
    try:
        state: State = weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise no_download(model, error) from error
    return state


def no_download(model: str, error: Exception) -> UserError:
    """The message for ImageNet weights that can't be fetched."""
    return UserError(
        f"backbone.weights=imagenet: can't download the weights of {model} "
        f"({type(error).__name__}); use weights=none, or weights=FILE with a downloaded file"
    )
