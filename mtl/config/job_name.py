"""Short readable names for the jobs of a sweep."""

import hashlib
import re
from collections.abc import Sequence

LONGEST = 120


def job_name(overrides: Sequence[str], not_swept: Sequence[str]) -> str:
    """The folder name of a job, from what it varies.

    ``["seed=1", "lr=0.1", "weighting=dwa", "tasks=[box,mask]"]`` where ``lr`` is the same in all
    jobs becomes ``tasks-box+mask_weighting-dwa_seed-1``: the seed is last, so that runs of a kind
    stand together. Where characters get lost, or the name would be too long for a file system, a
    short hash keeps it distinct.

    Args:
        overrides: of the job, as ``key=value``.
        not_swept: keys that are the same in all jobs.
    """
    parts = []
    for override in sorted(overrides, key=_place):
        key, _, value = override.partition("=")
        if key not in not_swept:
            parts.append(f"{key.lstrip('+').replace('@', '-')}={value}")
    text = "_".join(parts)
    name = re.sub(r"[\[\]{}'\" ]", "", text).replace(",", "+").replace("=", "-")
    clean = re.sub(r"[^\w.+-]", "-", name)
    if clean != name or len(clean) > LONGEST:
        clean = f"{clean[:LONGEST]}-{hashlib.sha1(text.encode()).hexdigest()[:6]}"
    return clean or "job"


def _place(override: str) -> tuple[bool, str]:
    return override.startswith("seed="), override
