"""Pickles of plain containers and arrays of whole numbers, read without running anything.

A pickle is a program. Even one that may only call numpy can crash the process (an array of objects
over a buffer of bytes), so here no class or function of numpy's is ever in its hands: it gets
objects that note what an array would be made of, and the array is made when it has ended.
"""

import io
import pickle
import pickletools
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

TYPES = {f"{kind}{size}" for kind in "ui" for size in (1, 2, 4, 8)}
"""What arrays may hold."""
OPCODES = {
    *("PROTO", "FRAME", "STOP", "MARK", "POP", "NONE", "NEWTRUE", "NEWFALSE"),
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET"),
    *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
}
"""What pickles of protocol 2 and above need for containers and arrays."""
MOST_TUPLES = 1000
"""Python's hash of tuples in tuples overflows the stack of the process where they are many."""


def read_pickle(data: bytes) -> Any:
    """The content; text that Python 2 wrote is taken as Latin-1.

    Args:
        data: the whole file.

    Returns:
        Plain containers; arrays where they are values of the outermost dict.

    Raises:
        pickle.UnpicklingError: it asks for something else.
        Exception: whatever a damaged pickle makes the reader raise.
    """
    _check_program(data)
    content = _PlainUnpickler(io.BytesIO(data), encoding="latin1").load()
    if isinstance(content, dict):
        return {k: v.array() if isinstance(v, _Array) else v for k, v in content.items()}
    return content


def _check_program(data: bytes) -> None:
    """Refuse steps that images and labels never need, and numbers that would fill the memory."""
    steps: Counter[str] = Counter()
    for step, argument, _ in pickletools.genops(data):
        steps[step.name] += 1
        if step.name not in OPCODES:
            raise pickle.UnpicklingError(f"has the step {step.name}, which image data never needs")
        if step.name == "LONG_BINPUT" and int(argument or 0) > len(data):
            raise pickle.UnpicklingError("numbers its parts beyond its own length")
    if sum(count for name, count in steps.items() if "TUPLE" in name) > MOST_TUPLES:
        raise pickle.UnpicklingError("has too many tuples")


class _Inert:
    """Something that a pickle may hold, and can't change."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("sets the state of something that has none")


class _ArrayClass(_Inert):
    """In place of ``numpy.ndarray``, which is an argument of ``_reconstruct`` only."""

    __slots__ = ()


class _Type(_Inert):
    """In place of a ``numpy.dtype``."""

    __slots__ = ("order", "spec")

    def __init__(self, spec: str) -> None:
        self.spec = spec.lstrip("|<>=")
        self.order = "<"
        if self.spec not in TYPES:
            raise pickle.UnpicklingError(f"has an array of {spec}, not of whole numbers")

    def __setstate__(self, state: object) -> None:
        """The second entry is the order of the bytes; the others say nothing for whole numbers."""
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("|", "<", ">"):
            raise pickle.UnpicklingError("has an array type in an unknown form")
        self.order = state[1].replace("|", "<")


class _Array(_Inert):
    """In place of a ``numpy.ndarray``."""

    __slots__ = ("made",)

    def __init__(self) -> None:
        self.made: npt.NDArray[Any] | None = None

    def __setstate__(self, state: object) -> None:
        """Version, shape, type, whether in Fortran's order, bytes."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise pickle.UnpicklingError("has an array in an unknown form")
        _, shape, kind, fortran, raw = state
        data = raw.encode("latin1") if isinstance(raw, str) else raw
        if not isinstance(kind, _Type) or not isinstance(data, bytes):
            raise pickle.UnpicklingError("has an array that is not made of bytes")
        flat = np.frombuffer(data, f"{kind.order}{kind.spec}")
        self.made = flat.reshape(shape, order="F" if fortran is True else "C")

    def array(self) -> npt.NDArray[Any]:
        """The array.

        Raises:
            pickle.UnpicklingError: the pickle never said what is in it.
        """
        if self.made is None:
            raise pickle.UnpicklingError("has an array without content")
        return self.made


class _Reconstruct(_Inert):
    """In place of numpy's ``_reconstruct``."""

    __slots__ = ()

    def __call__(self, kind: object, shape: object, code: object) -> _Array:
        if not isinstance(kind, _ArrayClass):
            raise pickle.UnpicklingError("makes an array of another class")
        return _Array()


class _MakeType(_Inert):
    """In place of ``numpy.dtype``."""

    __slots__ = ()

    def __call__(self, spec: object, align: object = False, copy: object = False) -> _Type:
        return _Type(str(spec))


class _Encode(_Inert):
    """``_codecs.encode``, by which Python 3 writes bytes in old pickles."""

    __slots__ = ()

    def __call__(self, text: object, encoding: object) -> bytes:
        return str(text).encode("latin1")


_ALLOWED: dict[tuple[str, str], object] = {
    ("numpy.core.multiarray", "_reconstruct"): _Reconstruct(),
    ("numpy._core.multiarray", "_reconstruct"): _Reconstruct(),
    ("numpy", "ndarray"): _ArrayClass(),
    ("numpy", "dtype"): _MakeType(),
    ("_codecs", "encode"): _Encode(),
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> object:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"asks for {module}.{name}, which image data never does")
        return _ALLOWED[module, name]
