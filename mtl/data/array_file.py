"""What numpy says of files that it can't read, without what nobody should follow."""

CUT = ("Failed to read all data", "cannot reshape array", "EOF: reading")
"""What numpy says, before and since its 2.3, of a file that ends too early."""


def why_no_array(error: Exception) -> str:
    """Why a file holds no array, as the end of a sentence.

    What numpy takes for a pickle is any file that it doesn't know; it proposes to run it.

    Args:
        error: of ``np.load``.
    """
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if "pickle" in text:
        return "it begins like no array"
    if "No data left" in text:
        return "it is empty"
    if any(words in text for words in CUT):
        return "it is cut off"
    return " ".join(text.split())
