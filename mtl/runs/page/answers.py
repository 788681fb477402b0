"""A question's answers, a line for each task: a part of the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

Tone = Literal["", "better", "worse", "unsure"]


@dataclass(frozen=True)
class AnswerLine:
    """The answer for one task.

    Args:
        title: the task.
        tone: of the answer.
        short: the answer.
        rest: what else is to be said; may be empty.
    """

    title: str
    tone: Tone
    short: str
    rest: str


@dataclass(frozen=True)
class Answers:
    """A question with its answers.

    Args:
        question: as a heading.
        lines: from top to bottom.
        note: what they are answers by; may be empty.
    """

    kind: ClassVar = "answers"
    question: str
    lines: Sequence[AnswerLine]
    note: str = ""

    @property
    def in_words(self) -> list[str]:
        """The question, the note if there is one, and ``box: Yes: ...``."""
        lines = [f"{line.title}: {line.short}" for line in self.lines]
        return [self.question, *([self.note] if self.note else []), *lines]
