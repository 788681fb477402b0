"""``mtl compress steps=[quantize]``: static int8."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from mtl.errors import UserError
from mtl.runs.compression.base import Step, Workpiece
from mtl.runs.compression.onnx_result import check_packages, deliver, exported_model
from mtl.runs.evaluate import refuse_none
from mtl.terminal import doing
from mtl.words import counted

if TYPE_CHECKING:
    from mtl.runs.compression.quantize.calibration import Calibration
    from mtl.runs.compression.quantize.mixed import Kept


class Quantize(Step):
    """An ONNX file in int8, but for the layers that a task would pay too much for.

    Args:
        images: of the training split to calibrate with.
        calibration: how ranges are found; see ``tensor_ranges``.
        reduce_range: whether weights take 7 of the 8 bits.
        last_layers: whether the last layer of each head gets 8 bits, too.
        sensitivity: whether each of the ``layers`` is looked at alone, or those of a parent module
            together, as ``blocks``.
        sensitivity_images: of the training split to look at.
        max_loss: points of its main metric that a task may lose on the validation split; layers
            stay float until none loses more. None: all get 8 bits.
    """

    name = "quantize"
    makes_file = True

    def __init__(
        self,
        images: int,
        calibration: "Calibration",
        reduce_range: bool,
        last_layers: bool,
        sensitivity: Literal["layers", "blocks"],
        sensitivity_images: int,
        max_loss: float | None,
    ) -> None:
        self.images = images
        self.calibration: Calibration = calibration
        self.reduce_range = reduce_range
        self.last_layers = last_layers
        self.sensitivity = sensitivity
        self.sensitivity_images = sensitivity_images
        self.max_loss = max_loss

    def check(self, work: Workpiece) -> None:
        """See ``Step``: packages are there, and the validation split for measuring losses on."""
        check_packages(self.name)
        if self.max_loss is not None and work.data.source("val") is None:
            raise UserError(
                f"{self.name}.max_loss={self.max_loss:g} needs a validation split, which the data "
                f"doesn't have; {self.name}.max_loss=null has all layers in int8"
            )
        if self.max_loss is not None:
            refuse_none(work.cfg, "val")

    def apply(self, work: Workpiece) -> None:
        """See ``Step``; the network stays as it is, and ``int8.onnx`` is the result.

        Raises:
            RunError: the network can't be exported.
        """
        model = exported_model(work)

        from mtl.runs.compression.quantize.layers import blocks
        from mtl.runs.compression.quantize.mixed import stays_float
        from mtl.runs.compression.quantize.pictures import pictures
        from mtl.runs.compression.quantize.quantiser import Quantiser
        from mtl.runs.compression.quantize.report import said_lines, write_report
        from mtl.runs.compression.quantize.sensitivity import sensitivity

        with doing(f"finding ranges on {counted(self.images, 'image')}"):
            quantiser = Quantiser.of(
                model,
                pictures(work, self.images),
                self.calibration,
                self.reduce_range,
                self.last_layers,
            )
        if not work.trains:  # a size or a time is looked for, on a network that was never trained
            deliver(work, quantiser.int8(set()), "int8", self._said({}))
            return
        layers = {layer.name: (layer,) for layer in quantiser.candidates}
        units = blocks(quantiser.candidates) if self.sensitivity == "blocks" else layers
        work.say(f"  {counted(len(layers), 'layer')} in int8, {self.sensitivity} one by one")
        with doing("measuring what each costs"):
            found = sensitivity(quantiser, units, pictures(work, self.sensitivity_images))

        def written(kept: "Kept") -> None:
            left_out = {layer.name for unit in kept for layer in units[unit]}
            deliver(work, quantiser.int8(left_out), "int8", self._said(kept))

        kept: Kept = {}
        losses: Mapping[str, float] = {}
        if self.max_loss is None:
            with doing("writing int8.onnx"):
                written(kept)
        else:
            before = work.main_metrics()

            def losses_with(kept: "Kept") -> Mapping[str, float]:
                written(kept)
                now = work.main_metrics()
                return {task: 100 * (before[task] - now[task]) for task in before}

            with doing("measuring what each task loses"):
                kept, losses = stays_float(found, losses_with, self.max_loss)
        for line in said_lines(found, kept, losses):
            work.say(line)
        write_report(work.figures, self.name, found, kept, losses)

    def _said(self, kept: "Kept") -> dict[str, object]:
        """Of the file's description."""
        return {
            "step": self.name,
            "activations": "uint8",
            "weights": "int8, 7 bits" if self.reduce_range else "int8",
            "calibration": {"method": self.calibration, "images": self.images},
            "float_for": dict(kept),
        }
