"""Class names that are probably meant to be one."""

from collections.abc import Iterator

from mtl.data.inspection.looked import Looked, merged


def find(looked: Looked) -> Iterator[str]:
    """One line for each target whose names differ by capitals, spaces or underscores alone."""
    lines = {}
    for target_name, target in looked.targets.items():
        alike: dict[str, list[str]] = {}
        for name in target.classes:
            alike.setdefault("".join(filter(str.isalnum, name.casefold())), []).append(name)
        pairs = [" and ".join(names) for key, names in alike.items() if key and len(names) > 1]
        if pairs:
            lines[target_name] = (
                f"the classes {'; '.join(pairs)} have almost one name; write it alike if they are "
                "one class"
            )
    yield from merged(lines)
