"""What an error came of."""

from collections.abc import Iterator


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those of which, or after which, it was raised."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
