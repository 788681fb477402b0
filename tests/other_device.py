"""A device of its own that computes on the processor: what mixes devices raises, as on a GPU.

Other than ``device_kit.PretendedGPU`` its tensors hold values, so whole trainings run on it.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("lazy", 0)
"""A type of device that torch knows and that nothing in a process has to be registered for."""


CROSSING = ("aten._to_copy.", "aten.index.", "aten.index_put", "aten._index_put")


class There(Tensor):
    """A tensor on the device, around one on the processor that ``held`` is."""

    held: Tensor
    __torch_function__: ClassVar[Any] = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: Tensor, requires_grad: bool = False) -> "There":
        made = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
            requires_grad=requires_grad,
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return computed(func, args, kwargs or {})

    def __repr__(self) -> str:
        return f"There({self.held})"

    def tolist(self) -> Any:
        return self.held.tolist()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.held.__reduce_ex__(protocol)  # checkpoints hold plain tensors

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        made: Tensor = There(self.held.clone(), self.requires_grad)
        if isinstance(self, nn.Parameter):
            made = nn.Parameter(made, self.requires_grad)
        return memo.setdefault(id(self), made)


def computed(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of an operation where its tensors lie.

    Raises:
        RuntimeError: some lie here and some there, and are no numbers beside tensors.
    """
    leaves = tree_leaves((args, kwargs))
    asked = [leaf for leaf in leaves if isinstance(leaf, torch.device)]
    there = any(isinstance(leaf, There) for leaf in leaves)
    goes = asked[0].type == DEVICE.type if asked else there
    name = str(func)
    if not there and not goes:
        return func(*args, **kwargs)
    if name.startswith("aten.copy_."):
        with torch.no_grad():
            _held(args[0]).copy_(_held(args[1]))
        return args[0]
    # A GPU takes indices from the processor, and single numbers in operations number by number.
    crosses = name.startswith(
        ("aten._to_copy.", "aten.index.", "aten.index_put", "aten._index_put")
    )
    if there and not crosses:
        pointwise = torch.Tag.pointwise in func.tags
        here = (leaf for leaf in leaves if isinstance(leaf, Tensor) and not isinstance(leaf, There))
        if any(tensor.dim() or not pointwise for tensor in here):
            raise RuntimeError(f"{name} was given tensors of {DEVICE} and of the processor")
    if torch.Tag.inplace_view in func.tags:  # as a vector's product with a matrix is in the end
        raise NotImplementedError(f"{name}: this device changes no shapes in place; use einsum")
    result = func(*tree_map(_held, args), **tree_map(_held, kwargs))
    if not goes:
        return result
    written = _written(func, args, kwargs)
    if written:
        return written[0] if len(written) == 1 else tuple(written)
    return tree_map(lambda leaf: There(leaf) if isinstance(leaf, Tensor) else leaf, result)


def _held(leaf: Any) -> Any:
    if isinstance(leaf, There):
        return leaf.held
    return torch.device("cpu") if isinstance(leaf, torch.device) else leaf


def _written(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """The arguments that an operation changes and gives back."""

    def changes(part: Any) -> bool:
        return part.alias_info is not None and part.alias_info.is_write

    schema = func._schema
    if not schema.returns or not all(changes(part) for part in schema.returns):
        return []
    given = dict(zip((part.name for part in schema.arguments), args, strict=False)) | kwargs
    return [given[part.name] for part in schema.arguments if changes(part)]


class OtherDevice(TorchDispatchMode):
    """Inside, tensors can be made on ``DEVICE``."""

    def __enter__(self) -> "OtherDevice":
        torch._C._set_only_lift_cpu_tensors(True)
        super().__enter__()
        return self

    def __exit__(self, *reason: Any) -> None:
        torch._C._set_only_lift_cpu_tensors(False)
        super().__exit__(*reason)

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return computed(func, args, kwargs or {})


class OtherDeviceStrategy(SingleDeviceStrategy):
    """Lightning's for one device, which is ``DEVICE``."""

    def __init__(self) -> None:
        super().__init__(device=DEVICE)

    def setup_environment(self) -> None:
        """Leave out the accelerator, which is the processor's."""
