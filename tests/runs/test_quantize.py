"""Static int8: what of a graph gets it, what it costs whom, and what stays float for that."""

from collections.abc import Mapping

import numpy as np
import pytest
from onnx import ModelProto
from quantize_kit import graph, pictures, weights

from mtl.runs.compression.quantize.calibration import METHODS
from mtl.runs.compression.quantize.layers import GraphLayers, blocks, module_name
from mtl.runs.compression.quantize.mixed import Kept, stays_float
from mtl.runs.compression.quantize.prepared import prepared
from mtl.runs.compression.quantize.quantiser import Quantiser
from mtl.runs.compression.quantize.sensitivity import Sensitivity, noise_share, sensitivity
from mtl.runs.export.onnx_session import session


@pytest.fixture(scope="module")
def quantiser() -> Quantiser:
    return Quantiser.of(graph(), [pictures()])


def test_layers_know_their_modules_and_their_tasks(quantiser: Quantiser) -> None:
    found = {layer.name: layer.tasks for layer in quantiser.layers.all}
    assert found == {
        "encoder.a": (),
        "encoder.b": (),
        "heads.cls": ("cls",),
        "heads.seg": ("seg",),
    }
    assert [layer.name for layer in quantiser.candidates] == ["encoder.a", "encoder.b"]
    assert list(blocks(quantiser.candidates)) == ["encoder"]


def test_norms_are_folded_and_names_survive() -> None:
    ready = prepared(graph())
    assert "BatchNormalization" not in kinds(ready)
    assert [layer.name for layer in GraphLayers(ready).all][1] == "encoder.b"
    assert module_name("val_7", "node_MatMul_3") == "node_MatMul_3"


def test_what_lies_between_layers_is_in_int8_and_nothing_behind_them(quantiser: Quantiser) -> None:
    chosen = quantiser.layers.with_neighbours(quantiser.candidates)
    kind = {node.name: node.op_type for node in quantiser.model.graph.node}
    assert [kind[name] for name in chosen] == [
        *("Conv", "Relu", "Conv", "Add", "Relu", "GlobalAveragePool")
    ]
    first = [layer for layer in quantiser.layers.all if layer.name == "encoder.a"]
    assert [kind[name] for name in quantiser.layers.with_neighbours(first)] == ["Conv", "Relu"]


def test_int8_decides_nearly_as_float(quantiser: Quantiser) -> None:
    images = pictures(seed=2)
    exact, small = outputs(graph(), images), outputs(quantiser.int8(), images)
    assert set(exact) == set(small)
    for name, values in exact.items():
        gap = np.abs(values - small[name])
        assert 0 < gap.max() < 0.06
        assert gap.mean() < 0.01


def test_weights_are_symmetric_in_seven_bits_by_channel(quantiser: Quantiser) -> None:
    tensors = {t.name: t for t in quantiser.int8().graph.initializer}
    stored = [
        np.frombuffer(t.raw_data, np.int8).reshape(t.dims)
        for t in tensors.values()
        if len(t.dims) == 4 and t.data_type == 3
    ]
    assert len(stored) == 2
    assert all(np.abs(part.astype(int)).max() <= 64 for part in stored)
    # Each channel that isn't 0 uses its range to the end.
    largest = np.abs(stored[1].astype(int)).reshape(8, -1).max(1)
    assert largest.tolist() == [64] * 8


def test_all_left_out_is_float(quantiser: Quantiser) -> None:
    images = pictures(seed=2)
    same = outputs(quantiser.int8({"encoder.a", "encoder.b"}), images)
    for name, values in outputs(graph(), images).items():
        np.testing.assert_allclose(same[name], values, atol=1e-5)


def test_what_stays_float_gets_exact_values(quantiser: Quantiser) -> None:
    """Both last layers see the same features; one that is in int8 rounds them for itself alone."""
    last = [layer for layer in quantiser.layers.all if layer.tasks == ("seg",)]
    small = session(quantiser.trunk_int8(last).SerializeToString())(pictures())
    exact = session(quantiser.trunk.SerializeToString())(pictures())
    assert np.abs(exact["scores"] - small["scores"]).max() > 1e-3
    np.testing.assert_allclose(exact["logits"], small["logits"], atol=1e-5)


@pytest.mark.parametrize("method", ["percentile", "entropy"])
def test_other_calibrations(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS["entropy"][1], "num_bins", 160)  # its loops are slow
    made = Quantiser.of(graph(), [pictures(4), pictures(3)], method)  # type: ignore[arg-type]
    name = next(iter(outputs(graph(), pictures(2))))
    exact, small = (outputs(m, pictures(2))[name] for m in (graph(), made.int8()))
    assert np.abs(exact - small).max() < 0.2


def test_the_same_again_is_the_same_file() -> None:
    first, second = (Quantiser.of(graph(), [pictures()]).int8() for _ in range(2))
    assert first.SerializeToString() == second.SerializeToString()


def test_a_layer_that_is_awful_in_int8_is_found_and_stays_float() -> None:
    """A weight of 1e6 on a channel that is always 0: the others of its row round to 0."""
    values = weights()
    values["network.encoder.b.weight"][:, 0, 1, 1] = 1e6
    made = Quantiser.of(graph(values), [pictures()])
    units = {layer.name: (layer,) for layer in made.candidates}
    found = sensitivity(made, units, [pictures(seed=2)])
    assert found.units == ("encoder.a", "encoder.b")
    assert found.tasks == ("cls", "seg")
    assert (found.noise[0] < 0.1).all()
    assert (found.noise[1] > 0.3).all()

    images = pictures(seed=3)
    exact = outputs(graph(values), images)

    def losses(kept: Kept) -> Mapping[str, float]:
        small = outputs(made.int8(kept), images)
        return {
            task: 100 * float((exact[name].argmax(1) != small[name].argmax(1)).mean())
            for task, name in (("cls", "cls.probabilities"), ("seg", "seg.probabilities"))
        }

    assert max(losses({}).values()) > 10
    kept, after = stays_float(found, losses, most=7)
    assert list(kept) == ["encoder.b"]
    assert max(after.values()) <= 7


def test_the_task_that_pays_most_chooses_first() -> None:
    noise = np.array([[0.1, 0.0], [0.3, 0.2], [0.0, 0.4]])
    found = Sensitivity(("a", "b", "c"), ("one", "two"), noise)
    cost = {"one": {"a": 1.0, "b": 3.0}, "two": {"b": 1.0, "c": 5.0}}

    def losses(kept: Kept) -> Mapping[str, float]:
        return {t: sum(v for unit, v in own.items() if unit not in kept) for t, own in cost.items()}

    assert stays_float(found, losses, 6.0) == ({}, {"one": 4.0, "two": 6.0})
    assert stays_float(found, losses, 5.0) == ({"c": "two"}, {"one": 4.0, "two": 1.0})
    assert stays_float(found, losses, 1.0)[0] == {"c": "two", "b": "one"}
    kept, after = stays_float(found, lambda kept: {"one": 2.0, "two": 0.0}, 1.0)
    assert kept == {"b": "one", "a": "one"}  # and nothing is left that disturbs it
    assert after == {"one": 2.0, "two": 0.0}


def test_noise_is_a_share_of_the_spread() -> None:
    exact = np.array([0.0, 2.0], np.float32)  # variance 1
    assert noise_share(exact, exact) == 0
    assert noise_share(exact, exact + np.float32(0.5)) == pytest.approx(0.25)
    constant = np.full(2, 2.0, np.float32)
    assert noise_share(constant, constant + 1) == pytest.approx(0.25)


def outputs(model: ModelProto, images: np.ndarray) -> Mapping[str, np.ndarray]:
    return session(model.SerializeToString())(images)


def kinds(model: ModelProto) -> set[str]:
    return {node.op_type for node in model.graph.node}
