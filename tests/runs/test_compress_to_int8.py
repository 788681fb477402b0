"""``mtl compress`` to files whose numbers are small, from a run's folder without a training."""

import json
import shutil
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from export_kit import SIZE, made_up_run, noise, photograph
from torch import nn

from mtl.cli.compress import run
from mtl.cli.export import run as export
from mtl.errors import UserError
from mtl.runs.compression import base, measured, onnx_result
from mtl.runs.compression.qat.fake import RoundedConv
from mtl.runs.compression.qat.step import QuantizationAware
from mtl.runs.compression.quantize import step
from mtl.runs.compression.quantize.step import Quantize
from mtl.runs.export.read import read
from mtl.runs.prediction.predictor import Predictor
from mtl.runs.prediction.saved_run import open_without_data

TASKS = ("classification", "segmentation")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_run(tmp_path_factory.mktemp("run"), f"tasks=[{','.join(TASKS)}]")


@pytest.fixture(scope="module", autouse=True)
def exported_once(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same network is traced once for all."""
    folder = tmp_path_factory.mktemp("exported")
    export = base.write_onnx

    def write(network: Any, preprocess: Any, cfg: Any, path: Path) -> Path:
        kept = (
            folder / f"{sum(float(p.detach().double().sum()) for p in network.parameters())}.onnx"
        )
        if not kept.exists():
            export(network, preprocess, cfg, kept)
        return Path(shutil.copy(kept, path))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "write_onnx", write)
        yield


def compress(trained: Path, out: Path, step: str, *options: str) -> list[dict[str, Any]]:
    run([f"run={trained}", f"steps=[{step}]", f"out={out}", "repeats=none", *options])
    stands: list[dict[str, Any]] = json.loads((out / "table.json").read_text())["stands"]
    return stands


@pytest.mark.slow
def test_int8_is_a_file_of_ours_with_a_table_row(
    trained: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    doing: list[str] = []
    for module in (step, onnx_result, measured):
        monkeypatch.setattr(module, "doing", lambda what: nullcontext(doing.append(what)))
    options = "quantize.images=4", "quantize.max_loss=100"
    stands = compress(trained, tmp_path, "quantize", *options)
    assert doing == [
        "evaluating",
        "exporting",
        "finding ranges on 4 images",
        "measuring what each costs",
        "measuring what each task loses",
        "evaluating",
    ]
    assert "16 layers in int8, layers one by one" in capsys.readouterr().out
    assert [stand["step"] for stand in stands] == ["as trained", "quantize"]
    assert stands[1]["file"] == "int8.onnx"

    exported = read(tmp_path / "int8.onnx")
    assert json.loads((tmp_path / "int8.json").read_text()) == exported.description
    assert exported.description["compressed"]["float_for"] == {}
    assert exported.description["tasks"]["classification"]["classes"] == ["dot", "ring", "star"]
    outputs = exported.run(noise(3, 3, SIZE, SIZE).numpy())
    assert outputs["segmentation.mask"].shape == (3, SIZE, SIZE)
    np.testing.assert_allclose(outputs["classification.probabilities"].sum(1), 1, atol=1e-5)

    # Images of any size go in with the preprocessing around it, and the same comes out.
    assert export([f"run={tmp_path / 'int8.onnx'}", "preprocess_in_graph=true"]) == 0
    assert "differs" not in capsys.readouterr().out
    around = read(tmp_path / "exported" / "int8.onnx")
    assert around.description["compressed"] == exported.description["compressed"]
    whole, alone = (
        Counter(n.op_type for n in onnx.load(e.path).graph.node) for e in (around, exported)
    )
    assert whole["QuantizeLinear"] == alone["QuantizeLinear"] > 10
    photo = photograph(SIZE, SIZE)
    normal = Predictor.open(tmp_path).normalise(torch.from_numpy(photo)[None].permute(0, 3, 1, 2))
    wanted = exported.run(normal.contiguous().numpy())
    for name, values in around.run(photo[None]).items():
        np.testing.assert_allclose(values, wanted[name], atol=1e-6, err_msg=name)
    assert around.run(photograph(40, 70)[None])["segmentation.mask"].shape == (1, 40, 70)

    seen = json.loads((tmp_path / "figures" / "quantize_sensitivity.json").read_text())
    assert set(seen["points_lost"]) == set(TASKS)
    assert all(found["segmentation"] > 0 for found in seen["noise"].values())
    # What is in one head alone is nothing to the other.
    own = [found for unit, found in seen["noise"].items() if unit.startswith("heads.segmentation")]
    assert own
    assert all(found["classification"] == 0 for found in own)
    assert (tmp_path / "figures" / "quantize_sensitivity.png").is_file()


@pytest.mark.slow
def test_weights_alone_are_small_and_decide_nearly_the_same(trained: Path, tmp_path: Path) -> None:
    before, after = compress(trained, tmp_path, "weight_only")
    assert after["megabytes"] < 0.6 * before["megabytes"]  # the graph itself takes most of it
    assert after["metrics"]["segmentation"]["miou"] == pytest.approx(
        before["metrics"]["segmentation"]["miou"], abs=0.02
    )
    assert read(tmp_path / "weights_int8.onnx").description["compressed"]["weights"] == "int8"


@pytest.mark.slow
def test_layers_round_while_they_are_trained_for_int8(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor, cfg = Predictor.open(trained), open_without_data(trained)
    seen: list[Any] = []

    def finetune(network: nn.Module, epochs: int, lr: float) -> None:
        rounded = {n for n, module in network.named_modules() if type(module) is RoundedConv}
        seen.append((epochs, lr, rounded))

    work: Any = SimpleNamespace(
        network=predictor.network,
        file=None,
        say=seen.append,
        finetune=finetune,
        export=lambda network, path: base.write_onnx(network, predictor.preprocess, cfg, path),
    )
    monkeypatch.setattr(Quantize, "apply", lambda step, work: seen.append(step.name))
    options = {"images": 4, "calibration": "minmax", "sensitivity": "layers"}
    more = {"reduce_range": True, "last_layers": False, "sensitivity_images": 2, "max_loss": None}
    QuantizationAware(2, 0.1, **options, **more).apply(work)
    said, (epochs, lr, rounded), then = seen
    assert said == f"  {len(rounded)} layers round in training"
    assert (epochs, lr, then) == (2, 0.1, "qat")
    assert "encoder.backbone.stages.stem.0" in rounded
    assert "heads.segmentation.decoder.classify" not in rounded  # the last of its head
    assert not any(isinstance(module, RoundedConv) for module in predictor.network.modules())


def test_a_loss_takes_a_split_to_measure_it_on() -> None:
    step = Quantize(4, "minmax", True, False, "layers", 2, 1.0)
    work: Any = SimpleNamespace(data=SimpleNamespace(source=lambda split: None))
    with pytest.raises(UserError, match=r"quantize.max_loss=1 needs a validation split"):
        step.check(work)
    Quantize(4, "minmax", True, False, "layers", 2, None).check(work)
