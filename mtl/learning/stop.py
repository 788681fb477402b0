"""Signals that end a run, at once or at a moment from which it can go on."""

import signal
from types import FrameType
from typing import NoReturn


class Stop:
    """Answers signals: the first ends what is going on or, while ``patient``, waits for a look.

    A second one ends what the first has waited in. What has been ended then says what became of
    it, whatever follows.
    """

    def __init__(self) -> None:
        self.patient = False
        self.received: str | None = None
        """The name of the first signal."""
        self._ended = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take a signal.

        Raises:
            KeyboardInterrupt: it ends what is going on.
        """
        waits = self.patient and self.received is None
        if self._ended:
            return
        self.received = self.received or signal.Signals(number).name
        if not waits:
            self.leave()

    def leave(self) -> NoReturn:
        """End what is going on, now.

        Raises:
            KeyboardInterrupt: always.
        """
        self._ended = True
        raise KeyboardInterrupt(self.received)
