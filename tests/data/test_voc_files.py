"""VOC folders as people and programs write them."""

import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from voc_factory import CLASSES, make_voc

from mtl.data.sample import Boxes
from mtl.data.sources.base import SPLITS
from mtl.data.sources.voc_annotation import parse_annotation
from mtl.data.sources.voc_folder import VocFolder
from mtl.errors import BadFile, UserError

BODY = (
    "<annotation><object><name>{name}</name><bndbox><xmin>3</xmin><ymin>3</ymin><xmax>12</xmax>"
    "<ymax>12</ymax></bndbox></object></annotation>"
)


def folder(root: Path, *names: str, listed: bytes | None = None, suffix: str = ".png") -> Path:
    """Images of these names, each with a dog, and a list of training images."""
    for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / part).mkdir(parents=True, exist_ok=True)
    for name in names:
        image = root / "JPEGImages" / f"{name}{suffix}"
        annotation = root / "Annotations" / f"{name}.xml"
        for path in (image, annotation):
            path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16)).save(image)
        annotation.write_text(BODY.format(name="dog"))
    text = "\n".join(names).encode() if listed is None else listed
    (root / "ImageSets" / "Main" / "train.txt").write_bytes(text)
    return root


def opened(root: Path, **options: object) -> VocFolder:
    data = VocFolder(root=str(root), image_size=16, **options)  # type: ignore[arg-type]
    data.prepare()
    return data


def found(root: Path) -> list[str]:
    """The names of the images, all of which must be read with their boxes."""
    source = opened(root).split("train")
    assert source is not None
    for index in range(len(source)):
        assert isinstance(source.read(index).targets["boxes"], Boxes)
    base = root / "JPEGImages"
    return [
        Path(source.id(i)).relative_to(base).with_suffix("").as_posix() for i in range(len(source))
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n", " \n", "\t1\r\n", "  -1\n", " 0\n"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_lists_in_any_encoding_with_any_line_end(tmp_path: Path, end: str, encoding: str) -> None:
    text = "".join(f"{name}{end}" for name in ("a", "b"))
    assert found(folder(tmp_path, "a", "b", listed=text.encode(encoding))) == ["a", "b"]


@pytest.mark.parametrize(
    "name",
    [
        "cat (2)",
        "cat 2",
        "a b c",
        "cat 1",
        "a.b",
        "über",
        "猫",
        "x -1",
        "cat.jpg",
        "(1)",
        "#1",
        "1",
    ],
)
@pytest.mark.parametrize("ending", ["", ".png", ".PNG", ".xml"])
def test_names_are_taken_whole(tmp_path: Path, name: str, ending: str) -> None:
    root = folder(tmp_path, name, listed=f"{name}{ending}\n".encode())
    assert found(root) == [name]


def test_a_name_that_goes_on_behind_a_space_is_not_cut(tmp_path: Path) -> None:
    """``cat`` is there and ``cat (4)`` is not: the list means the latter."""
    source = opened(folder(tmp_path, "cat", listed=b"cat\ncat (4)\n")).split("train")
    assert source is not None
    assert [Path(source.id(i)).stem for i in range(2)] == ["cat", "cat (4)"]
    with pytest.raises(BadFile, match=r"cat \(4\)\.jpg: does not exist"):
        source.read(1)


@pytest.mark.parametrize(
    ("name", "encoding"), [("Straße", "cp1252"), ("café", "latin-1"), ("图像", "gb18030")]
)
def test_lists_that_are_not_unicode(tmp_path: Path, name: str, encoding: str) -> None:
    root = folder(tmp_path, name, "b", listed=f"{name}\nb\n".encode(encoding))
    assert found(root) == [name, "b"]
    (root / "ImageSets" / "Main" / "train.txt").write_bytes(b"caf\xe9\xff\n")
    with pytest.raises(UserError, match=r"train\.txt: is not UTF-8, and .* names no image"):
        opened(root)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("listed", ["NFC", "NFD"])
def test_accents_in_either_form(tmp_path: Path, form: str, listed: str) -> None:
    name = unicodedata.normalize(form, "Äpfel é")  # type: ignore[arg-type]
    text = unicodedata.normalize(listed, name)  # type: ignore[arg-type]
    root = folder(tmp_path, name, listed=text.encode())
    (root / "Annotations" / f"{name}.xml").rename(root / "Annotations" / f"{text}.xml")
    assert found(root) == [name]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".JPG"])
@pytest.mark.parametrize(
    "line",
    ["night/1", "./night/1", "JPEGImages/night/1", "VOC/JPEGImages/night/1{}", "night\\1{}", "1"],
)
def test_images_in_folders_inside(tmp_path: Path, suffix: str, line: str) -> None:
    root = folder(tmp_path, "night/1", listed=line.format(suffix).encode(), suffix=suffix)
    assert found(root) == ["night/1"]


def test_a_folder_in_a_list_is_not_dropped(tmp_path: Path) -> None:
    source = opened(folder(tmp_path, "1", listed=b"1\nnight/1\n")).split("train")
    assert source is not None
    assert len(source) == 2


def test_annotations_of_images_in_folders_may_lie_flat(tmp_path: Path) -> None:
    root = folder(tmp_path, "night/1")
    (root / "Annotations" / "night" / "1.xml").rename(root / "Annotations" / "1.xml")
    assert found(root) == ["night/1"]


@pytest.mark.parametrize(
    ("said", "difficult"),
    [("1", True), ("True", True), ("0", False), ("false", False), ("", False)],
)
def test_difficult_as_a_word(tmp_path: Path, said: str, difficult: bool) -> None:
    text = BODY.format(name="dog").replace("<bndbox>", f"<difficult>{said}</difficult><bndbox>")
    (tmp_path / "a.xml").write_text(text)
    assert [one.difficult for one in parse_annotation(tmp_path / "a.xml").objects] == [difficult]


@pytest.mark.parametrize("other", ["day/1", "1"])
def test_a_flat_annotation_is_not_that_of_two_images(tmp_path: Path, other: str) -> None:
    root = folder(tmp_path, "night/1", other)
    for name in ("night/1", "day/1"):
        (root / "Annotations" / f"{name}.xml").unlink(missing_ok=True)
    (root / "Annotations" / "1.xml").write_text(BODY.format(name="dog"))
    (root / "SegmentationClass").mkdir()
    Image.new("L", (16, 16)).save(root / "SegmentationClass" / "1.png")
    data = opened(root, classes=["dog"])
    source = data.split("train")
    assert source is not None
    # Of an image in no folder it is the annotation, and of the one in a folder never.
    assert [sorted(source.read(i).targets) for i in range(2)] == [
        [],
        ["boxes", "label", "labels", "mask"] if other == "1" else [],
    ]
    assert len([note for note in data.notes() if "belonging to no image: 1 (1)" in note]) == (
        0 if other == "1" else 2
    )


def test_files_of_one_name_are_told(tmp_path: Path) -> None:
    root = folder(tmp_path, "1")
    Image.new("RGB", (16, 16)).save(root / "JPEGImages" / "1.bmp")
    data = opened(root)
    assert found(root) == ["1"]
    folder_of_images = root / "JPEGImages"
    assert f"{folder_of_images}: not read, having the name of another: 1 (1.bmp)" in data.notes()


def test_upper_case_everywhere(tmp_path: Path) -> None:
    root = make_voc(tmp_path / "a")
    expected = {split: len(opened(root).split(split)) for split in SPLITS}  # type: ignore[arg-type]
    for path in [*(root / "Annotations").iterdir(), *(root / "SegmentationClass").iterdir()]:
        path.rename(path.with_suffix(path.suffix.upper()))
    for path in (root / "JPEGImages").iterdir():
        path.rename(path.with_suffix(".JPG"))
    (root / "JPEGImages").rename(root / "jpegimages")
    (root / "Annotations").rename(root / "annotations")
    (root / "ImageSets" / "Main").rename(root / "ImageSets" / "main")
    (root / "ImageSets" / "main" / "val.txt").rename(root / "ImageSets" / "main" / "Valid.TXT")
    data = opened(root)
    assert {split: len(data.split(split)) for split in SPLITS} == expected  # type: ignore[arg-type]
    source = data.split("train")
    assert source is not None
    assert set(source.read(0).targets) == {"label", "labels", "boxes", "mask"}


@pytest.mark.parametrize("suffix", [".bmp", ".BMP", ".PNG", ".tif", ".tga"])
def test_masks_with_any_ending(tmp_path: Path, suffix: str) -> None:
    root = make_voc(tmp_path)
    before = opened(root).split("train").read(0).targets["mask"]  # type: ignore[union-attr]
    path = root / "SegmentationClass" / "train0.png"
    Image.fromarray(before).save(path.with_suffix(suffix))  # type: ignore[arg-type]
    path.unlink()
    after = opened(root).split("train").read(0).targets["mask"]  # type: ignore[union-attr]
    assert np.array_equal(before, after)  # type: ignore[arg-type]


def test_trainval_serves_where_there_is_no_train(tmp_path: Path) -> None:
    root = folder(tmp_path, "a", "b")
    lists = root / "ImageSets" / "Main"
    (lists / "train.txt").rename(lists / "trainval.txt")
    assert found(root) == ["a", "b"]


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("", "utf-8"),
        ("", "utf-8-sig"),
        ("", "utf-16"),
        ('<?xml version="1.0" encoding="gb2312"?>', "gb2312"),
        ("<?xml version='1.0' encoding='GBK'?>", "gbk"),
        ('<?xml version="1.0" encoding="Big5" standalone="yes"?>', "big5"),
        ('<?xml version="1.0" encoding="utf-16"?>', "utf-16"),
        ('<?xml version="1.0" encoding="utf-16"?>', "utf-8"),
        ('<?xml version="1.0" encoding="UTF-8"?>', "utf-8-sig"),
        ('\n<?xml version="1.0" encoding="UTF-8"?>', "utf-8"),
        ('<?xml version="1.0" encoding="shift_jis"?>\n<!-- x -->', "shift_jis"),
    ],
)
def test_xml_in_any_encoding(tmp_path: Path, head: str, encoding: str) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes((head + BODY.format(name="大")).encode(encoding))
    assert [obj.name for obj in parse_annotation(path).objects] == ["大"]


@pytest.mark.parametrize("name", ["café", "œuf"])
def test_western_xml(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.xml"
    text = '<?xml version="1.0" encoding="ISO-8859-1"?>' + BODY.format(name=name)
    path.write_bytes(text.encode("cp1252"))
    assert [obj.name for obj in parse_annotation(path).objects] == [name]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'<?xml version="1.0" encoding="utf-8-bom"?><annotation/>', "unknown encoding utf-8-bom"),
        (b'<?xml version="1.0" encoding=""?><annotation/>', "unknown encoding"),
        (b'<?xml version="1.0" encoding="hex"?><annotation/>', "unknown encoding hex"),
        (b'<?xml version="1.0" encoding="zip"?><annotation/>', "unknown encoding zip"),
        (b"<annotation>caf\xe9</annotation>", "not text in the encoding utf-8; name its encoding"),
        (
            b'<?xml version="1.0" encoding="utf-8"?><annotation>\xe9</annotation>',
            "not text in the encoding utf-8",
        ),
        (b'<?xml version="1.0" encoding="undefined"?><annotation/>', "encoding undefined"),
        (b"\xff\xfea", "not text in the encoding"),
        (b"\0\0\0\0", "not well-formed XML"),
        (b"", "not well-formed XML"),
        (b"<annotation xsi:x='1'/>", "not well-formed XML"),
    ],
)
def test_xml_that_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(content)
    with pytest.raises(BadFile, match=rf"a\.xml: .*{message}") as caught:
        parse_annotation(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        BODY.replace("<annotation>", '<annotation xmlns="http://a.b/c">'),
        re.sub(r"<(/?)(\w)", r"<\1v:\2", BODY).replace("n>", 'n xmlns:v="u">', 1),
    ],
)
def test_xml_in_a_namespace(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.xml"
    path.write_text(text.format(name="dog"))
    assert [obj.box for obj in parse_annotation(path).objects] == [(2, 2, 12, 12)]


@pytest.mark.parametrize(
    ("box", "fine"),
    [
        ("0.2 0.2 0.7 0.7", False),
        ("0 0 1 1", False),
        ("0.0 0.5 1.0 1.0", False),
        ("1 1 1 1", True),
        ("1 1 2 2", True),
        ("0.5 0.5 1.5 1.5", True),
        ("0 0 1 16", True),
    ],
)
def test_boxes_in_shares_of_the_picture_are_refused(tmp_path: Path, box: str, fine: bool) -> None:
    x1, y1, x2, y2 = box.split()
    path = tmp_path / "a.xml"
    text = BODY.format(name="dog").replace(">3</xmin>", f">{x1}</xmin>")
    text = text.replace(">3</ymin>", f">{y1}</ymin>")
    path.write_text(
        text.replace(">12</xmax>", f">{x2}</xmax>").replace(">12</ymax>", f">{y2}</ymax>")
    )
    if fine:
        assert len(parse_annotation(path).objects) == 1
        return
    with pytest.raises(BadFile, match=r"object 1 \(dog\), .* lies within one pixel \(0 to 1 coord"):
        parse_annotation(path)


def test_masks_of_black_and_white_can_be_read_as_one_class(tmp_path: Path) -> None:
    root = make_voc(tmp_path, classes=("dog",))
    path = root / "SegmentationClass" / "train0.png"
    mask = np.zeros((48, 64), np.uint8)
    mask[4:8, 4:8], mask[20, 20] = 255, 128
    Image.fromarray(mask).save(path)
    data = opened(root, masks="binary")
    read = data.split("train").read(0).targets["mask"]  # type: ignore[union-attr]
    assert np.array_equal(read, mask > 0)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"data\.masks=binary tells one class .* there are 3"):
        opened(make_voc(tmp_path / "b"), classes=list(CLASSES), masks="binary")
    with pytest.raises(UserError, match=r"data\.masks=grey must be one of indices, binary"):
        opened(root, masks="grey")
