"""The same classes in several domains, of folders made here."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mtl.data.sources.base import SPLITS
from mtl.data.sources.domains import Domains
from mtl.errors import UserError

DOMAINS = ("amazon", "real_world")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for domain, number in (("amazon/images", 5), ("Real World", 12)):
        for name in ("bike", "mug"):
            folder = tmp_path / domain / name
            folder.mkdir(parents=True)
            for k in range(number):
                cv2.imwrite(str(folder / f"{k}.png"), np.full((4, 4, 3), k, np.uint8))
    return tmp_path


def test_each_domain_is_a_target(root: Path) -> None:
    data = Domains(root=str(root), image_size=224, domains=DOMAINS)
    data.prepare()
    assert {name: target.classes for name, target in data.targets.items()} == dict.fromkeys(
        DOMAINS, ("bike", "mug")
    )
    sources = {split: data.split(split) for split in SPLITS}
    seen = [sources[s].id(i) for s in SPLITS for i in range(len(sources[s]))]
    assert len(seen) == len(set(seen)) == 34
    # Five of a class are divided by number: one each is held out.
    small = [sources[s].strata().count(("amazon", 1)) for s in SPLITS]
    assert small == [3, 1, 1]
    train = sources["train"]
    for i in range(len(train)):
        sample = train.read(i)
        path = Path(sample.id)
        domain = "amazon" if "amazon" in path.parts else "real_world"
        assert sample.targets == {domain: ("bike", "mug").index(path.parent.name)}
        assert (sample.image == int(path.stem)).all()
    assert [note.split(",")[0] for note in data.notes()] == [
        f"{split} is {len(sources[split])} of 34 images" for split in ("val", "test")
    ]


def test_a_missing_domain_is_said(root: Path) -> None:
    with pytest.raises(UserError, match=r"has no folder webcam; set data\.root=FOLDER"):
        Domains(root=str(root), image_size=224, domains=[*DOMAINS, "webcam"]).prepare()
    (root / "webcam").mkdir()
    with pytest.raises(UserError, match="the domains' folders hold no folders of classes"):
        Domains(root=str(root), image_size=224, domains=["webcam"]).prepare()
