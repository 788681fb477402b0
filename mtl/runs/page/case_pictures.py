"""Pictures of test images with what the rows decided on them."""

from collections.abc import Mapping, Sequence

import numpy as np

from mtl.config.data_keys import DATA_FRAMEWORK_KEYS
from mtl.config.trust import Trust
from mtl.errors import BadFile, UserError
from mtl.runs.page.cases import CaseBox, CasePicture
from mtl.runs.page.data import PageRow
from mtl.runs.page.gather.images import Pixels, RunImages, Shares
from mtl.runs.page.gather.said import RowSaid
from mtl.runs.page.gather.thumbnails import thumbnail

NONE: Shares = np.zeros((0, 4))


class CasePictures:
    """Reads images again as long as they can be had.

    ``missing`` says why some can't, ``boxes`` whether any picture has a box.

    Args:
        rows: of the page.
        trust: whose classes their configurations may name.
        most_bytes: of each picture.
    """

    def __init__(self, rows: Sequence[PageRow], trust: Trust, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        configs = {row.place: row.evidence[0].run.config for row in rows}
        self.images = {place: RunImages(config, trust) for place, config in configs.items()}
        self.missing = ""
        self.boxes = False
        sets = [_data_set(config.get("data", {})) for config in configs.values()]
        if any(one != sets[0] for one in sets):
            self.missing = "the runs' data differ, so that one name may stand for several images"
        self.given_up = bool(self.missing)

    def of(self, sample: str, said: Mapping[int, RowSaid]) -> CasePicture | None:
        """One image with the boxes on it; None where it can't be read.

        Args:
            sample: its id.
            said: what each row decided on it, by place.
        """
        if self.given_up:
            return None
        try:
            image = self.images[next(iter(said))].read(sample)
            boxes = self._boxes(image, said)
        except BadFile as bad:
            self.missing = self.missing or str(bad)
            return None
        except (UserError, OSError) as error:
            # What is wrong with the data as a whole is so with every image.
            self.given_up, self.missing = True, str(error)
            return None
        self.boxes = self.boxes or bool(boxes)
        small = thumbnail(image, self.most_bytes)
        return CasePicture(small.address, small.width, small.height, boxes)

    def _boxes(self, image: Pixels, said: Mapping[int, RowSaid]) -> list[CaseBox]:
        decided: list[CaseBox] = []
        true: list[CaseBox] = []
        for place, own in said.items():
            if own.first is not None:
                said_boxes, true_boxes = (
                    self.images[place].placed(content.boxes, image) if len(content.boxes) else NONE
                    for content in own.first
                )
                decided += _in_shares(place, said_boxes)
                true = true or _in_shares(None, true_boxes)
        return [*decided, *true]


def _data_set(node: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in node.items() if key not in DATA_FRAMEWORK_KEYS}


def _in_shares(place: int | None, xyxy: Shares) -> list[CaseBox]:
    found = []
    for left, top, right, bottom in xyxy:
        edges = (left, top, right - left, bottom - top)
        found.append(CaseBox(place, *(round(float(edge), 4) for edge in edges)))
    return found
