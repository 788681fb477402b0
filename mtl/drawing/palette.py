"""One colour per class, the same in every figure."""

from functools import cache

from matplotlib import colormaps

RGB = tuple[int, int, int]
DISTINCT = 20
"""Colours that there are."""


@cache
def color(index: int) -> RGB:
    """RGB 0..255 of a class index; distinct for the first 20, then repeating."""
    red, green, blue = colormaps["tab20"].colors[(2 * index + index // 10) % DISTINCT]  # type: ignore[attr-defined]
    return round(red * 255), round(green * 255), round(blue * 255)
