"""What torch says of files that it can't read, without what nobody should follow."""

import pickle
from pathlib import Path


def why_no_tensors(path: Path, error: Exception) -> str:
    """Why a file can't be read, as the end of a sentence.

    Of a file that is cut off torch tells an internal error, and of any other that running its code
    would help.

    Args:
        path: of the file.
        error: of ``torch.load``.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if path.stat().st_size == 0:
        return "it is empty"
    text = str(error).partition("\n")[0]
    if "central directory" in text or "zip archive" in text:
        return "it is cut off or damaged"
    if isinstance(error, pickle.UnpicklingError):
        return "it holds more than tensors and plain containers, or is something else"
    return text or type(error).__name__
