"""A device of its own that computes on the processor: what mixes devices raises, as on a GPU.

Other than ``device_kit.PretendedGPU`` its tensors hold values, so whole trainings run on it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import torch
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("lazy", 0)
"""A type of device that torch knows and that nothing in a process has to be registered for."""
CROSSING = ("aten._to_copy.", "aten.index.", "aten.index_put", "aten._index_put")
"""How operations begin that may be given tensors of the processor."""


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


@dataclass(frozen=True)
class Operation:
    """What has to be known of an operation, looked up once.

    Args:
        name: torch's.
        crosses: a GPU takes its tensors, or its indices, from the processor.
        pointwise: goes number by number, for which a single number may lie elsewhere.
        reshapes: changes shapes in place.
        arguments: their names.
        written: those that it changes and gives back.
    """

    name: str
    crosses: bool
    pointwise: bool
    reshapes: bool
    arguments: tuple[str, ...]
    written: tuple[str, ...]


@cache
def operation(func: Any) -> Operation:
    """See ``Operation``."""

    def changes(part: Any) -> bool:
        return part.alias_info is not None and part.alias_info.is_write

    name, schema = str(func), func._schema
    gives_back = schema.returns and all(changes(part) for part in schema.returns)
    return Operation(
        name,
        name.startswith(CROSSING),
        torch.Tag.pointwise in func.tags,
        torch.Tag.inplace_view in func.tags,
        tuple(part.name for part in schema.arguments),
        tuple(part.name for part in schema.arguments if gives_back and changes(part)),
    )


def computed(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of an operation where its tensors lie.

    Raises:
        RuntimeError: some lie here and some there, and are no numbers beside tensors.
    """
    leaves = tree_leaves((args, kwargs))
    asked = [leaf for leaf in leaves if isinstance(leaf, torch.device)]
    there = any(isinstance(leaf, There) for leaf in leaves)
    goes = asked[0].type == DEVICE.type if asked else there
    if not there and not goes:
        return func(*args, **kwargs)
    known = operation(func)
    if known.name.startswith("aten.copy_."):
        with torch.no_grad():
            _held(args[0]).copy_(_held(args[1]))
        return args[0]
    if there and not known.crosses:
        here = (leaf for leaf in leaves if isinstance(leaf, Tensor) and not isinstance(leaf, There))
        if any(tensor.dim() or not known.pointwise for tensor in here):
            raise RuntimeError(f"{known.name} was given tensors of {DEVICE} and of the processor")
    if known.reshapes:  # as a vector's product with a matrix is in the end
        said = f"{known.name}: this device changes no shapes in place; use einsum"
        raise NotImplementedError(said)
    result = func(*tree_map(_held, args), **tree_map(_held, kwargs))
    if not goes:
        return result
    if known.written:
        given = dict(zip(known.arguments, args, strict=False)) | kwargs
        written = [given[name] for name in known.written]
        return written[0] if len(written) == 1 else tuple(written)
    return tree_map(lambda leaf: There(leaf) if isinstance(leaf, Tensor) else leaf, result)


def _held(leaf: Any) -> Any:
    if isinstance(leaf, There):
        return leaf.held
    return torch.device("cpu") if isinstance(leaf, torch.device) else leaf


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
