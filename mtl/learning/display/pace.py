"""How long a training will still take, from how long it took so far."""

MEMORY = 50
"""Batches that a mean looks back over."""


class Pace:
    """Seconds per training batch, and for what lies between: validation, checkpoints.

    The first batch of a process, in which workers start and code is compiled, tells nothing.

    Args:
        now: seconds of a clock that never goes back.
    """

    def __init__(self, now: float) -> None:
        self.batch: float | None = None
        self.pausing = True
        self._images = 0.0
        self._batches = 0
        self._pauses: list[float] = []
        self._began = False
        self._last = now

    def pause(self) -> None:
        """What comes now is no training."""
        self.pausing = True

    def batch_done(self, images: int, now: float) -> None:
        """A training batch is done.

        Args:
            images: in it, over all processes.
            now: by the clock.
        """
        seconds, self._last = now - self._last, now
        paused, self.pausing = self.pausing, False
        if not self._began:
            self._began = True
        elif paused and self.batch is not None:
            self._pauses.append(max(0.0, seconds - self.batch))
        else:
            self._batches = min(self._batches + 1, MEMORY)
            before = self.batch or 0.0
            self.batch = before + (seconds - before) / self._batches
            self._images += (images - self._images) / self._batches

    @property
    def images_per_second(self) -> float | None:
        """In training alone; None before it is known."""
        return self._images / self.batch if self.batch else None

    def left(self, batches: int, pauses: int, guess: int, now: float) -> float | None:
        """Seconds until the end; None before they are known.

        Args:
            batches: still to train.
            pauses: still to come, the present one included.
            guess: batches that a pause is taken to last before one was measured.
            now: by the clock.
        """
        if self.batch is None:
            return None
        known = self._pauses
        pause = sum(known) / len(known) if known else guess * self.batch
        return max(0.0, batches * self.batch + pauses * pause - (now - self._last))
