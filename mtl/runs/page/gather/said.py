"""What the runs of a row decided on one image, and what is true of it."""

from collections import Counter
from collections.abc import Sequence

from mtl.runs.recount.content import SampleContent
from mtl.runs.samples import KeptSamples

NOTHING = "nothing"


class RowSaid:
    """A task's decisions on one image by the runs of a row, the smallest seed first.

    Args:
        runs: that kept the task.
        task: its name.
        sample: the image's id, which at least one of them has.
    """

    def __init__(self, runs: Sequence[KeptSamples], task: str, sample: str) -> None:
        having = [kept for kept in runs if task in kept.tasks and sample in kept.ids(task)]
        found = [(kept, kept.contents(task, kept.ids(task).index(sample))) for kept in having]
        self.contents = [content for _, content in found if content is not None]
        self.named = [
            (_words(kept, task, said), _words(kept, task, true))
            for kept, content in found
            if content is not None
            for said, true in [content]
        ]

    @property
    def words(self) -> str:
        """``circle``; ``circle 2/3, star 1/3`` where the runs don't agree."""
        counts = Counter(said for said, _ in self.named)
        if len(counts) < 2:
            return "".join(counts)
        whole = counts.total()
        return ", ".join(f"{words} {count}/{whole}" for words, count in counts.most_common())

    @property
    def truth(self) -> str:
        """In the same words; empty where it isn't told in words."""
        return self.named[0][1] if self.named else ""

    @property
    def first(self) -> tuple[SampleContent, SampleContent] | None:
        """What the first run decided, and what is true."""
        return self.contents[0] if self.contents else None


def _words(kept: KeptSamples, task: str, content: SampleContent) -> str:
    """Names of classes, with how often where that is more than once; empty if boxes say it all."""
    if not content.classes and len(content.boxes):
        return ""
    counted = content.classes.items()
    names = [kept.class_name(task, index) + (f" x{n}" if n > 1 else "") for index, n in counted]
    return ", ".join(sorted(names)) or NOTHING
