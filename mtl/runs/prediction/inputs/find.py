"""Which files a user means by ``input=``."""

import glob
from pathlib import Path

from mtl.data.image_file import UnknownImage, image_size, is_tiff
from mtl.data.image_format import PICTURE_SUFFIXES
from mtl.errors import UserError
from mtl.runs.prediction.inputs.listed import STDIN, listed_files
from mtl.runs.prediction.inputs.names import READ


def find_inputs(given: str) -> list[Path]:
    """The files behind ``input=``: see ``find_images``, or ``-`` for those that stdin lists.

    Raises:
        UserError: there are none.
    """
    return listed_files() if given == STDIN else find_images(given)


def find_images(given: str) -> list[Path]:
    """The files behind a path, sorted by name.

    Args:
        given: a file, a folder (its own images, not those in folders inside it), or a glob, in
            which ``**`` goes into folders.

    Raises:
        UserError: there are none.
    """
    path = Path(given).expanduser()
    if path.is_file():
        _refuse_other(path, given)
        return [path]
    if path.is_dir():
        found = [p for p in path.iterdir() if _shown(p) and p.suffix.lower() in PICTURE_SUFFIXES]
        if not found:
            raise UserError(
                f"input={given}: no image lies in this folder ({', '.join(PICTURE_SUFFIXES)}); "
                f"for folders inside it write 'input={given}/**/*.jpg'"
            )
        return sorted(found)
    if not glob.has_magic(given):
        raise UserError(f"input={given}: no such file or folder")
    matches = glob.glob(str(path), recursive=True)  # noqa: PTH207 - absolute patterns too
    found = [p for p in map(Path, matches) if _shown(p)]
    if not found:
        raise UserError(f"input={given}: no file matches")
    return sorted(found)


def _refuse_other(path: Path, given: str) -> None:
    """See that the one file that is asked for can be meant.

    Raises:
        UserError: neither its name nor its beginning is that of an image or a video.
    """
    if path.suffix.lower() in READ:
        return
    try:
        image_size(path)
    except UnknownImage as error:
        if is_tiff(path):  # with more channels and bits than are looked for here
            return
        raise UserError(
            f"input={given}: {error.reason}; name an image, a video, a folder of images or a glob"
        ) from error


def _shown(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")
