"""Which keypoints a mirror exchanges, by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SIDES = (
    ("left", "right"),
    ("Left", "Right"),
    ("LEFT", "RIGHT"),
    (r"(?<![A-Za-z])l(?=[^a-z]|$)", "r"),
    (r"(?<![A-Za-z])L(?=[^a-z]|$)", "R"),
    (r"(?<=[^A-Za-z])L$", "R"),
)
"""What a name says of its side, and what the other's says instead."""


def mirrored_names(names: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of names that differ by their side alone.

    ``left_eye`` and ``right_eye``, also in capitals, ``l_eye`` and ``r_eye``, ``LEye`` and
    ``REye``.
    """
    found = {}
    for name in names:
        others = (re.sub(left, right, name) for left, right in _SIDES)
        other = next((one for one in others if one != name and one in names), None)
        if other is not None:
            found[name] = other
    return list(found.items())


def unpaired_note(names: Sequence[str], mirrored: Sequence[tuple[str, str]], why: str) -> list[str]:
    """What to say where a mirror exchanges none of several keypoints.

    Args:
        names: of the keypoints.
        mirrored: their pairs.
        why: the end of the sentence: what doesn't tell pairs.
    """
    if mirrored or len(names) < 2:
        return []
    return [f"a mirror exchanges none of the keypoints ({', '.join(names[:3])}, ...), since {why}"]
