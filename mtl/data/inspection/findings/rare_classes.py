"""Classes with nothing to learn from."""

from collections.abc import Iterator

from mtl.data.inspection.looked import Looked, merged, some


def find(looked: Looked) -> Iterator[str]:
    """One line for classes that never occur in train, and one for those that occur once."""
    if looked.train is None:
        return
    never, once = {}, {}
    for name, target in looked.targets.items():
        tally = looked.train.tallies[name]
        # Nobody misses a background; and a class of one pixel is no class that occurs once.
        numbers = dict(zip(target.classes, tally.counts.tolist(), strict=True))
        pairs = [(title, numbers[title]) for title in target.kind.named(target)]
        missing = [title for title, number in pairs if number == 0]
        many = target.kind.shares_alone
        single = [title for title, number in pairs if number == 1 and not many]
        hint = looked.hint("classes", "data.classes=[...] chooses others")
        if missing and len(missing) < len(pairs):
            never[name] = f"never in train{looked.of}: {some(missing)}{hint}"
        if single:
            once[name] = f"once in train{looked.of}: {some(single)}{hint}"
    yield from merged(never)
    yield from merged(once)
