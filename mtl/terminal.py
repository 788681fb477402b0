"""What is said on the terminal."""

from rich.console import Console

from mtl.files import printable

console = Console(highlight=False, soft_wrap=True)
if not console.is_terminal:
    console.width = 500


def say(text: str) -> None:
    """One line."""
    console.print(printable(text), markup=False)
