"""Writing the lists of a folder in VOC layout."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mtl.data.sources.base import Split
from mtl.data.sources.voc_layout import VocLayout
from mtl.errors import UserError
from mtl.files import write_all


def write_lists(
    layout: VocLayout, lists: Mapping[Split, Sequence[str]], overwrite: bool
) -> dict[Path, int]:
    """Write ``ImageSets/Main/{train,val,test}.txt``, all or none.

    Args:
        layout: the folder.
        lists: image ids by split.
        overwrite: whether lists of these splits may be replaced; the images of all others are in
            the new ones too.

    Returns:
        The files written and the number of images in each.

    Raises:
        UserError: lists are there that may not be replaced, or that would list images beside the
            new ones, or an image's name can't be listed, or the folder can't be written.
    """
    main, segmentation = layout.lists_in("Main"), layout.lists_in("Segmentation")
    known = [path for there in (main, segmentation) for s, path in there.items() if s in lists]
    if known and not overwrite:
        raise UserError(f"{known[0]} exists; overwrite=true splits all images anew")
    beside = [path for split, path in main.items() if split not in lists]
    if overwrite and (beside or segmentation):
        left = [*beside, *segmentation.values()][0]
        raise UserError(f"{left} would list images beside the new lists; move it away first")
    files = {split: layout.lists_folder / f"{split}.txt" for split in lists}
    content = {files[split]: layout.list_bytes(names) for split, names in lists.items()}
    try:
        write_all(content)
    except OSError as error:
        raise UserError(
            f"the lists can't be written to {layout.lists_folder} ({error.strerror or error})"
        ) from None
    return {files[split]: len(names) for split, names in lists.items()}
