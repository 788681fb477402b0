"""Crafted data files: nothing runs, nothing crashes, nothing outside the folder is read."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

from mtl.data.sources.plain_pickle import read_pickle
from mtl.data.sources.voc_annotation import class_names, parse_annotation
from mtl.data.sources.voc_layout import VocLayout
from mtl.errors import BadFile, UserError

START, NDARRAY, DTYPE = b"\x80\x02", b"cnumpy\nndarray\n", b"cnumpy\ndtype\n"
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
EMPTY = START + RECONSTRUCT + NDARRAY + b"K\x00\x85U\x01b\x87R"
OBJECTS, BYTES = DTYPE + b"U\x01O\x85R", DTYPE + b"U\x02u1\x85R"
TEXT = b"U\x10" + b"A" * 16
HOSTILE = {
    "a command": START + b"cos\nsystem\nU\x0atouch mark\x85R.",
    "an array over a buffer": START + NDARRAY + b"(K\x02\x85" + OBJECTS + TEXT + b"tR.",
    "an array of objects": EMPTY + b"(K\x01K\x02\x85" + OBJECTS + b"\x89" + TEXT + b"tb.",
    "a type with a state": START + BYTES + b"(K\x03U\x01zNNNJ\xff\xff\xff\xffK\x00K\x00tb.",
    "an array larger than its bytes": EMPTY
    + b"(K\x01J\x00\x00\x00\x7f\x85"
    + BYTES
    + b"\x89U\x02AAtb.",
    "another class of arrays": START + RECONSTRUCT + DTYPE + b"K\x00\x85U\x01b\x87R.",
    "a state for a function": START + RECONSTRUCT + b"}U\x08__call__K\x01sb.",
    "a number beyond memory": START + b"Nr\xff\xff\xff\x7f.",
    "text beyond the file": START + b"\x8d\xff\xff\xff\xff\xff\xff\xff\x00A.",
    "tuples in tuples": START + b"}N" + b"\x85" * 200_000 + b"K\x01s.",
    "a class made": START + NDARRAY + b")\x81.",
    "an old instance": START + b"(ios\nsystem\n.",
    "an extension": START + b"\x82\x01.",
    "lists in lists": START + b"]" * 100_000 + b"a" * 99_999 + b".",
}
"""What each program of pickle's machine tries."""
READ = """
import json, sys
from pathlib import Path
from mtl.data.sources.plain_pickle import read_pickle
said = {}
for name in json.loads(sys.argv[1]):
    try:
        said[name] = type(read_pickle(Path(name).read_bytes())).__name__
    except Exception as error:
        said[name] = f"refused {error}"
print(json.dumps(said))
"""


def test_hostile_pickles(tmp_path):
    for name, content in HOSTILE.items():
        (tmp_path / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", READ, json.dumps(list(HOSTILE))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said.pop("lists in lists") == "list"
    assert [name for name, answer in said.items() if not answer.startswith("refused")] == []
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("kind", ["u1", "i1", "<i4", ">i4", "i8", "u2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_whole_numbers_come_back(kind, order):
    array = np.asarray(np.arange(6).reshape(2, 3), kind, order=order)
    for protocol in (2, 4):
        found = read_pickle(pickle.dumps({"data": array, "n": [1, 2.5, None, "ä"]}, protocol))
        np.testing.assert_array_equal(found["data"], array)
        assert found["n"] == [1, 2.5, None, "ä"]


@pytest.mark.parametrize("kind", ["f4", "O", "U3", "m8[s]", "?"])
def test_other_arrays_are_refused(kind):
    with pytest.raises(pickle.UnpicklingError, match="not of whole numbers"):
        read_pickle(pickle.dumps({"data": np.zeros(2, kind)}, 2))


BOMB = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
NAMED = "<annotation><object><name>&{};</name></object></annotation>"
XML = {
    "entities": f'<!DOCTYPE a [<!ENTITY e0 "lol">{BOMB}]>{NAMED.format("e11")}',
    "outside": f'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>{NAMED.format("x")}',
    "grammar": f'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd">{NAMED.format("x")}',
    "levels": "<annotation>" + "<a>" * 50_000 + "</a>" * 50_000 + "<object/></annotation>",
}


@pytest.mark.parametrize("name", XML)
def test_hostile_annotations(tmp_path, name):
    file = tmp_path / "a.xml"
    file.write_text(XML[name])
    with pytest.raises(BadFile) as error:
        parse_annotation(file)
    assert "root:" not in str(error.value)
    assert not class_names(file)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "a/../../b", "..", "sub/../../../etc/passwd"]
)
def test_lists_that_lead_out_of_the_folder(tmp_path, name):
    for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "ImageSets" / "Main" / "train.txt").write_text(f"good\n{name}\n")
    with pytest.raises(UserError, match=r"train\.txt lists '.*', which leads out of the folder"):
        VocLayout(tmp_path).check()
