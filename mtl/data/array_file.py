"""What numpy says of files that it can't read, without what nobody should follow."""


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
    return " ".join(text.split())
