"""Any model of timm that gives feature maps."""

import sys
from collections.abc import Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any

import torch
from torch import nn

from mtl.errors import UserError
from mtl.model.backbone.base import Backbone
from mtl.model.backbone.chain import cut
from mtl.model.backbone.timm_alone import timm
from mtl.model.backbone.weights import State, apply_weights, no_download

OTHER_WAYS = {
    "pretrained",
    "pretrained_cfg",
    "pretrained_cfg_overlay",
    "checkpoint_path",
    "cache_dir",
}
"""Options of timm that would read weights, from anywhere."""


class Timm(Backbone):
    """A feature extractor from timm (Wightman, 2019).

    The stages end where timm's ``features_only`` outputs lie. A model whose outputs don't follow
    from each other (HRNet, many transformers) becomes one stage ``body`` with all of them; a plain
    vision transformer (ViT, DINOv2, DINOv3) has a single stride, that of its patches.

    Args:
        model: timm's name of it, with or without a tag for its weights (``resnet18.a1_in1k``).
        weights: ``none``, ``imagenet`` (timm's own, downloaded) or a file, whose names and shapes
            timm's filter for published weights of the model may change first: it knows those of
            DINOv2 and DINOv3, and resizes what they know of places to another ``img_size``.
        options: further arguments of ``timm.create_model`` (``{drop_path_rate: 0.1}``,
            ``{img_size: 128}`` for transformers).
        depths: of a plain vision transformer, how many blocks' outputs are put side by side, evenly
            spread and the last among them; 4 are what dense heads with ``decoder=dpt`` expect.

    Raises:
        UserError: no such model, or one that gives no feature maps, or options that read weights.
    """

    def __init__(
        self,
        model: str = "mobilenetv3_large_100",
        weights: str | None = "none",
        options: Mapping[str, Any] | None = None,
        depths: int = 1,
    ) -> None:
        arguments = dict(options or {})
        for key in OTHER_WAYS & arguments.keys():
            raise UserError(f"backbone.options.{key}: weights are chosen by backbone.weights")
        if depths > 1 and "out_indices" in arguments:
            raise UserError(
                "backbone.options.out_indices: backbone.depths says which; set one of them"
            )
        net = _features(model, arguments)
        super().__init__(*cut(net, _trial_size(net, model, arguments), depths))
        self.model = model
        inner = getattr(net, "model", net)  # timm wraps transformers once more
        apply_weights(
            self,
            weights,
            inner,
            lambda: self.imagenet(model, arguments),
            partial(_as_timm_names_it, inner),
        )

    def check_size(self, size: int, channels: int) -> None:
        """See ``Backbone``: transformers take one size, or multiples of their patches' side."""
        if not any(hasattr(module, "img_size") for module in self.modules()):
            return
        trained = self.training
        try:
            with torch.no_grad():
                self.eval()(torch.zeros(1, channels, size, size))
        except AssertionError as error:
            raise UserError(
                f"backbone.model={self.model}: takes no pictures of {size} pixels ({error}); "
                "choose another image_size, or say which it has: 'backbone.options={img_size: N}'"
            ) from error
        finally:
            self.train(trained)

    @staticmethod
    def imagenet(model: str, options: Mapping[str, Any]) -> State:
        """The model's pre-trained tensors under timm's names.

        Raises:
            UserError: they can't be downloaded.
        """
        try:
            state: State = timm.create_model(model, pretrained=True, **options).state_dict()
        except Exception as error:  # the hub's client has errors of many libraries
            raise no_download(model, error) from error
        return state


def _as_timm_names_it(model: nn.Module, state: State) -> State:
    """Tensors of a published file under timm's names and in the model's shapes."""
    translate = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if translate is None:
        return state
    translated: State = translate(dict(state), model)
    return translated


def _trial_size(net: nn.Module, model: str, options: Mapping[str, Any]) -> int:
    """A side in pixels that the model takes; transformers are built for one."""
    config = timm.get_pretrained_cfg(model)
    if config is not None and any(hasattr(module, "img_size") for module in net.modules()):
        return int(options.get("img_size", config.input_size[-1]))
    return 64


def _features(model: str, options: Mapping[str, Any]) -> nn.Module:
    if not timm.is_model(model):
        near = get_close_matches(model, timm.list_models(), n=3)
        hint = f"did you mean {', '.join(near)}?" if near else "see timm.list_models()"
        raise UserError(f"backbone.model={model}: timm has no such model; {hint}")
    try:
        net: nn.Module = timm.create_model(model, features_only=True, **options)
    except TypeError as error:
        raise UserError(f"backbone.options: {' '.join(str(error).split())}") from error
    except (RuntimeError, AttributeError, AssertionError) as error:
        raise UserError(
            f"backbone.model={model}: timm gets no feature maps out of it "
            f"({' '.join(str(error).split()) or type(error).__name__}); choose another model"
        ) from error
    return net
