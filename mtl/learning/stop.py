"""Signals that end a run, at once or at a moment from which it can go on."""

import signal
import time
from types import FrameType
from typing import NoReturn

ECHO = 2.0
"""Seconds in which the same signal once more is the same wish.

Whoever signals all processes of a job reaches launchers, too, which pass on what they get.
"""


class Stop:
    """Answers signals: the first ends what is going on or, while ``patient``, waits for a look.

    A second one ends what the first has waited in. What has been ended then says what became of
    it, whatever follows.
    """

    def __init__(self) -> None:
        self.patient = False
        self.received: str | None = None
        """The name of the first signal."""
        self._since = 0.0
        self._ended = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take a signal.

        Raises:
            KeyboardInterrupt: it ends what is going on.
        """
        name, now = signal.Signals(number).name, time.monotonic()
        waits = self.patient and (self.received is None or self._is_echo(name, now))
        if self._ended:
            return
        if self.received is None:
            self.received, self._since = name, now
        if not waits:
            self.leave()

    def _is_echo(self, name: str, now: float) -> bool:
        return name == self.received and now - self._since < ECHO

    def leave(self) -> NoReturn:
        """End what is going on, now.

        Raises:
            KeyboardInterrupt: always.
        """
        self._ended = True
        raise KeyboardInterrupt(self.received)
