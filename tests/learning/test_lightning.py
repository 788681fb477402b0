"""What someone who knows Lightning expects to find."""

import inspect
import math
from pathlib import Path
from typing import Any, ClassVar, get_args

import fresh
import pytest
import pytorch_lightning as L
import torch
import training_kit
from lightning_fabric.connector import _PRECISION_INPUT_STR, _PRECISION_INPUT_STR_ALIAS
from torch import Tensor
from training_kit import checkpoint, fit, write_conf

from mtl.config.allowed import Chosen
from mtl.config.groups import members
from mtl.config.load import load
from mtl.config.member_files import node_of
from mtl.config.trainer_keys import INSTEAD
from mtl.data.build import build_data
from mtl.errors import UserError
from mtl.files import read_json
from mtl.learning.build import build_callbacks, build_module
from mtl.learning.module import MultiTaskModule
from mtl.learning.quiet import quiet_lightning
from mtl.learning.trainer import TRAINER_FRAMEWORK_KEYS, build_trainer
from mtl.model.build import build_network
from mtl.runs.idle import idle
from mtl.runs.train import train

PARTIAL = ["data=alternating", "backbone=plain", "tasks=[a,b]", "batch_size=4", "test=false"]
QUIET = ["callbacks.figures.enabled=false", "callbacks.progress.enabled=false", "logger=none"]
SHAPES = [
    "data.train=8",
    "data.val=4",
    "data.test=4",
    "batch_size=4",
    "image_size=32",
    "backbone.width=4",
    "tasks=[classification,multilabel,box,detection,segmentation,similarity]",
    "heads.detection.channels=32",
]


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    return write_conf(tmp_path / "conf")


class Mine(L.Callback):
    """A user's own."""

    seen: ClassVar[list[int]] = []

    def __init__(self, step: int = 1) -> None:
        self.step = step

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.seen.append(self.step)


def test_arguments_are_those_of_the_trainer() -> None:
    """A new one of Lightning's has to be offered, or refused with a word on what to use."""
    offered = set(node_of("trainer", "cpu")) - {"_target_"}
    theirs = set(inspect.signature(L.Trainer.__init__).parameters) - {"self"}
    assert offered - set(TRAINER_FRAMEWORK_KEYS) == theirs - set(INSTEAD)
    assert set(INSTEAD) <= theirs
    taken = set(get_args(_PRECISION_INPUT_STR)) - set(get_args(_PRECISION_INPUT_STR_ALIAS))
    precisions = Chosen().allowed("trainer.", node_of("trainer", "cpu"))["precision"]
    assert set(precisions.split(" | ")) == taken


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("trainer.max_epochs=3", "trainer.max_epochs is set by the framework; write epochs=N"),
        ("+trainer.logger=false", "trainer.logger is set by the framework; write logger="),
        ("trainer.max_stepz=3", "unknown key 'trainer.max_stepz'; did you mean trainer.max_steps"),
        ("trainer.precision=8-true", "trainer.precision=8-true: must be one of 32-true"),
    ],
)
def test_arguments_that_are_refused(override: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        load([override])
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("trainer.precision=transformer-engine", "transformer"),
        ("trainer.compile=inducktor", "did you mean 'inductor'"),
        ("trainer.profiler=slow", "profiler"),
    ],
)
def test_what_lightning_or_torch_refuses_is_one_line(override: str, said: str) -> None:
    cfg = load([*SHAPES, override])

    def build() -> None:
        build_module(cfg, build_network(cfg, build_data(cfg).targets))
        build_trainer(cfg, Path(), [], [])

    with pytest.raises(UserError) as error:
        build()
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_what_torch_refuses_within_lightning_is_no_users_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> Tensor:
        return torch.ones(2) @ torch.ones(3)

    monkeypatch.setattr("pytorch_lightning.trainer.setup._init_profiler", broken)
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        build_trainer(load(SHAPES), tmp_path, [], [])


def test_two_callbacks_of_one_state_are_told_by_name() -> None:
    early = "pytorch_lightning.callbacks.EarlyStopping"
    own = [f"callbacks.{n}.{k}" for n in "ab" for k in (f"_target_={early}", "monitor=val/loss")]
    cfg = load([*SHAPES, *own, "callbacks.b.patience=9"])
    with pytest.raises(UserError) as error:
        build_callbacks(cfg)
    said = "a checkpoint can't tell these two EarlyStopping apart; leave one out"
    assert str(error.value) == f"callbacks.a and callbacks.b: {said}"


def test_steps_and_validations_within_epochs(conf: Path, tmp_path: Path) -> None:
    own = ["trainer.max_steps=7", "trainer.val_check_interval=0.5", "trainer.limit_val_batches=1"]
    train(load([*PARTIAL, *QUIET, *own, "trainer.profiler=simple"], conf), tmp_path / "run")
    assert checkpoint(tmp_path / "run", "last")["global_step"] == 7


@pytest.mark.parametrize(
    ("precision", "kind"),
    [
        ("32-true", torch.float32),
        ("64-true", torch.float64),
        ("bf16-true", torch.bfloat16),
        ("bf16-mixed", torch.float32),
    ],
)
def test_precisions(precision: str, kind: torch.dtype, tmp_path: Path) -> None:
    """Every head learns and is evaluated; what has a place keeps its digits."""
    cfg = load([*SHAPES, f"trainer.precision={precision}", "epochs=1"])
    module, trainer = fit(cfg, tmp_path)
    assert {p.dtype for p in module.network.parameters()} == {kind}
    assert module.network.head("detection").points.center.dtype == torch.float32
    values = {name: float(value) for name, value in trainer.callback_metrics.items()}
    assert {f"val/{task}/loss" for task in module.network.tasks} <= set(values)
    assert not any(math.isnan(value) for value in values.values())


def test_every_head_of_doubles(conf: Path, tmp_path: Path) -> None:
    """Lightning's default type is then float64, too: of what is made within a validation."""
    heads = members("head", None)
    fcos = ("detection", "instance", "pose")
    own = [f"heads.{head}.{option}" for head in fcos for option in ("channels=32", "convs=1")]
    own += ["data=every_kind", *(f"data.{split}=4" for split in ("train", "val", "test"))]
    own += ["image_size=32", "batch_size=4", "backbone.width=4", f"tasks=[{','.join(heads)}]"]
    cfg = load([*own, "trainer.precision=64-true", "epochs=1", "callbacks.figures.worst=1"], conf)
    train(cfg, tmp_path / "run")
    found = read_json(tmp_path / "run" / "results.json")["metrics"]
    assert {f"test/{head}/loss" for head in heads} <= set(found)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("trainer.limit_train_batches=0.3", "Please increase the `limit_train_batches`"),
        ("trainer.limit_val_batches=0.3", "Please increase the `limit_val_batches`"),
        ("trainer.limit_test_batches=0.3", "Please increase the `limit_test_batches`"),
        ("trainer.val_check_interval=3", "must be less than or equal to the number"),
    ],
)
def test_what_lightning_refuses_of_the_data_is_one_line(
    override: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as error:
        train(load([*SHAPES, *QUIET, "tasks=[classification]", "epochs=1", override]), tmp_path)
    assert str(error.value).startswith("trainer: ")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def from_checkpoint(path: Path, out: Path) -> None:
    """Without the data set, which is gone."""
    del training_kit.Alternating
    module = MultiTaskModule.load_from_checkpoint(path)
    image = torch.linspace(-1, 1, 2 * 3 * 16 * 16).view(2, 3, 16, 16)
    torch.save((dict(module.state_dict()), module(image)), out)


def test_module_from_its_checkpoint_in_a_fresh_process(conf: Path, tmp_path: Path) -> None:
    """With a backbone of the user's own."""
    own = ["weighting=uncertainty", "epochs=1"]
    train(load([*PARTIAL, *QUIET, *own], conf), tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    done = fresh.start(from_checkpoint, path, tmp_path / "out.pt", cwd=tmp_path).wait()
    assert done.code == 0, done.err
    state, raw = torch.load(tmp_path / "out.pt", weights_only=True)
    saved = checkpoint(tmp_path / "run", "last")["state_dict"]
    assert state.keys() == saved.keys()
    assert all(torch.equal(value, saved[name]) for name, value in state.items())
    assert {task: tuple(logits.shape) for task, logits in raw.items()} == {"a": (2, 3), "b": (2, 2)}


def test_predictions_by_the_trainer(conf: Path, tmp_path: Path) -> None:
    """All samples of the test split, labelled or not, as the network decides on them."""
    quiet_lightning()
    cfg = load([*PARTIAL, "data.test=6"], conf)
    data = build_data(cfg)
    module = build_module(cfg, build_network(cfg, data.targets))
    trainer = build_trainer(cfg, tmp_path, [], [])
    found: list[Any] = trainer.predict(module, datamodule=data) or []
    assert [len(batch["a"]) for batch in found] == [4, 2]
    first = data.finish(next(iter(data.loader("test"))), training=False)
    wanted = module.eval().network.predict(first.image)
    torch.testing.assert_close(found[0]["a"], wanted["a"])


def test_callbacks_of_a_users_own(conf: Path, tmp_path: Path) -> None:
    Mine.seen.clear()
    line = ["callbacks.mine._target_=test_lightning.Mine", "callbacks.mine.step=3"]
    train(load([*PARTIAL, *QUIET, *line, "epochs=2"], conf), tmp_path / "line")
    assert Mine.seen == [3, 3]
    (conf / "callbacks").mkdir()
    file = "# Mine.\ndefaults: [default, _self_]\nmine: {_target_: test_lightning.Mine, step: 5}\n"
    (conf / "callbacks" / "mine.yaml").write_text(file)
    train(load([*PARTIAL, *QUIET, "callbacks=mine", "epochs=1"], conf), tmp_path / "file")
    assert Mine.seen == [3, 3, 5]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("torch.nn.ReLU", "torch.nn.ReLU: must be a Callback"),
        (
            "pytorch_lightning.callbacks.GradientAccumulationScheduler",
            "trainer.accumulate_grad_batches=N",
        ),
    ],
)
def test_callbacks_that_are_refused(target: str, said: str) -> None:
    own = [f"callbacks.own._target_={target}"]
    if "Accumulation" in target:
        own.append("callbacks.own.scheduling={0:2}")
    with pytest.raises(UserError, match=said) as error:
        build_callbacks(load(own))
    assert str(error.value).startswith("callbacks.own: ")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("weighting=equal", None),
        ("weighting=fixed", "weighting: Fixed without weighting.weights"),
        ("weighting=fixed weighting.weights={classification:2}", None),
        ("ensemble=mean", "ensemble: MeanEnsemble has nothing to combine"),
        ("ensemble=mean ensemble.tta=[flip]", None),
        ("views=rotations fusion=mean", None),
        *((f"fusion={name}", "fusion: ") for name in ("mean", "max", "concat", "attention")),
        ("fusion=mil_attention", "fusion: MilAttention has nothing to merge"),
    ],
)
def test_what_does_nothing_is_said(line: str, said: str | None) -> None:
    cfg = load(["data.train=4", "data.val=2", "data.test=2", *line.split()])
    module = build_module(cfg, build_network(cfg, build_data(cfg).targets))
    found = list(idle(module))
    assert len(found) == (said is not None)
    assert said is None or found[0].startswith(said)


# Of two layers, since tracing takes as long as there are some.
COMPILED = [
    ["views.checkpointing=true", "backbone=normed"],
    ["encoder=mmoe", "encoder.at=second", "backbone=plain"],
    ["encoder=multi_branch", "fusion.exchange=concat", "backbone=normed"],
    ["encoder=mtan", "backbone=plain"],
]


@pytest.mark.parametrize("own", COMPILED, ids=" ".join)
def test_compiled_encoders(own: list[str], conf: Path) -> None:
    """Gradients and statistics of the plain network, by several passes through one graph."""
    cfg = load([*SHAPES[:-3], "tasks=[classification,box]", *own], conf)
    data = build_data(cfg)
    batch = data.finish(next(iter(data.loader("train"))), training=False)
    found = []
    for compiled in (False, "aot_eager"):
        cfg.trainer.compile = compiled
        torch.manual_seed(0)
        module = build_module(cfg, build_network(cfg, data.targets))
        losses = module.losses(batch)
        for loss in losses.values():
            loss.backward(retain_graph=True)
        gradients = {n: p.grad for n, p in module.network.named_parameters() if p.grad is not None}
        found.append({**gradients, **dict(module.network.named_buffers())})
    plain, compiled_values = found
    assert plain.keys() == compiled_values.keys()
    for name, value in plain.items():
        torch.testing.assert_close(compiled_values[name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_a_backend_that_would_count_twice_is_refused() -> None:
    cfg = load([*SHAPES, "views.checkpointing=true", "trainer.compile=eager"])
    with pytest.raises(UserError, match=r"trainer\.compile=true or aot_eager"):
        build_module(cfg, build_network(cfg, build_data(cfg).targets))
