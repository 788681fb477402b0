"""An iterator that runs ahead on a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE = 0.1
"""Seconds after which the thread looks whether anybody still wants what it has."""


def ahead(items: Iterable[T], most: int) -> Generator[T, None, None]:
    """The same items in the same order, the next ones being made while one is worked on.

    Closing it stops the thread, and so does an error on either side.

    Args:
        items: what is made on the thread; its errors are raised here.
        most: how many may wait.
    """
    waiting: queue.Queue[tuple[str, Any]] = queue.Queue(most)
    unwanted = threading.Event()

    def put(what: str, value: Any) -> bool:
        while not unwanted.is_set():
            try:
                waiting.put((what, value), timeout=PATIENCE)
            except queue.Full:
                continue
            return True
        return False

    def make() -> None:
        try:
            for item in items:
                if not put("item", item):
                    return
        except BaseException as error:
            put("error", error)
        else:
            put("end", None)

    thread = threading.Thread(target=make, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            what, value = waiting.get()
            if what == "error":
                raise value
            if what == "end":
                return
            yield value
    finally:
        unwanted.set()
        thread.join()
