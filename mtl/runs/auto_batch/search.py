"""The largest batch that fits, in few measurements."""

from collections.abc import Callable, Sequence

from mtl.errors import RunError

MOST = 1024
"""Samples in a batch beyond which nothing is gained."""
VISIBLE = 64 * 2**20
"""Bytes that memory has to grow by until what a sample takes can be told from noise."""
ENOUGH = 16
"""Samples up to which what is there once, whatever their number, may still come in between."""

SMALLER = "a smaller image_size or backbone needs less"
"""What helps."""

Peak = Callable[[int], int | None]
"""Bytes at the peak of a step with so many samples; None where they don't fit."""


def sizes_up_to(most: int, of: int | None = None) -> list[int]:
    """The sizes that come into question, rising.

    Args:
        most: the largest.
        of: samples that whole batches have to make; None: powers of two and three between any
            two of them, from 4 on.
    """
    if of is not None:
        return [size for size in range(1, min(most, of) + 1) if of % size == 0]
    steps = (2**power * part // 4 for power in range(most.bit_length()) for part in (4, 5, 6, 7))
    return [size for size in sorted(set(steps)) if size <= most]


def largest(peak: Peak, sizes: Sequence[int], budget: int, tries: bool) -> int:
    """The largest size whose peak stays within a budget.

    Sizes are doubled until there are enough of them and memory grows visibly. What a sample takes,
    taken from the last two, says which is the largest; it is tried where that is safe, and corrects
    the estimate.

    Args:
        peak: measures.
        sizes: that come into question, rising.
        budget: bytes.
        tries: whether too large a size does no harm.

    Raises:
        RunError: not even the smallest fits.
    """

    def within(size: int) -> int | None:
        used = peak(size)
        return None if used is None or used > budget else used

    size, each, bad = sizes[0], 0.0, sizes[-1] + 1
    first = within(size)
    if first is None:
        raise RunError(f"batch_size=auto: not even {size} fit; {SMALLER}")
    used = first
    while bad > sizes[-1] and (each == 0 or size < ENOUGH):
        more = _doubled(size, sizes)
        if more is None or (not tries and used + each * (more - size) > budget):
            break
        now = within(more)
        if now is None:
            bad = more
        else:
            each = (now - used) / (more - size) if now - used >= VISIBLE else 0.0
            size, used = more, now
    while True:
        better = [s for s in sizes if size < s < bad and used + each * (s - size) <= budget]
        if not better:
            return size
        if not tries:
            return better[-1] if each else size
        now = within(better[-1])
        if now is None:
            bad = better[-1]
        else:
            each = max((now - used) / (better[-1] - size), 0.0)
            size, used = better[-1], now


def _doubled(size: int, sizes: Sequence[int]) -> int | None:
    """The next one that is at least twice as large, or the last one."""
    more = next((s for s in sizes if s >= 2 * size), sizes[-1])
    return more if more > size else None
