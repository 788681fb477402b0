"""The angles of ``rotate=[...]``; nothing here imports torch."""

import math

from mtl.errors import UserError

EXAMPLE = "rotate=[0,15,...,345]"
MOST = 720
"""Angles in a list; each one is a pass over the split."""


def angles(text: str) -> list[float]:
    """Degrees, counter-clockwise, from a list in which ``...`` goes on in the same steps.

    Args:
        text: ``[0,90,180,270]`` or ``[0,15,...,345]``.

    Raises:
        UserError: it is no such list, or an angle is there twice.
    """
    inner = text.strip()
    if not (inner.startswith("[") and inner.endswith("]")) or not inner[1:-1].strip():
        raise UserError(f"rotate={text}: give a list of degrees, such as {EXAMPLE}")
    items = [item.strip() for item in inner[1:-1].split(",")]
    found: list[float] = []
    for place, item in enumerate(items):
        if item != "...":
            found.append(_number(text, item))
            continue
        if len(found) < 2 or place != len(items) - 2:
            raise UserError(f"rotate={text}: ... stands after two angles and before the last one")
        step, last = found[-1] - found[-2], _number(text, items[-1])
        if step == 0 or (last - found[-1]) / step < 0:
            raise UserError(f"rotate={text}: steps of {step:g} don't lead to {last:g}")
        if (last - found[-1]) / step > MOST:
            raise UserError(f"rotate={text}: more than {MOST} angles; take larger steps")
        while abs(last - found[-1]) > abs(step) * (1 + 1e-9):
            found.append(found[-1] + step)
    turned = [angle % 360 for angle in found]
    if len(set(turned)) < len(turned):
        raise UserError(f"rotate={text}: an angle is there twice")
    return found


def _number(text: str, item: str) -> float:
    try:
        number = float(item)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"rotate={text}: {item} is no angle; give degrees, such as {EXAMPLE}")
    return number
