"""What a GPU asks of a step, proved without one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from device_kit import CHANGING, Called, PretendedGPU
from torch import Tensor, nn
from torch.nn import functional as F
from training_kit import write_conf

from mtl.config.groups import members
from mtl.config.load import load
from mtl.data.augmentation.batch import BatchAugmenter
from mtl.data.batch import Batch
from mtl.data.build import build_data
from mtl.model.backbone.base import pick
from mtl.model.build import build_network
from mtl.model.network import Network
from mtl.model.reproducible import averaged, resized, sampled

pytestmark = pytest.mark.slow

TINY = ["data.train=6", "data.val=3", "data.test=3", "batch_size=6", "image_size=40"]
HEADS = {
    "classification": "heads.classification.label_smoothing=0.1",
    "multilabel": "heads.multilabel.focal_gamma=2",
    "box": "heads.box.grid=3",
    "detection": "heads.detection.convs=1",
    "instance": "heads.instance.grid=7",
    "keypoints": "heads.keypoints.sigma=1.5",
    "pose": "heads.pose.sigma=0.2",
    "segmentation": "heads.segmentation.dice=1",
    "similarity": "heads.similarity.loss=triplet_all",
    "regression": "heads.regression.loss=normal",
    "count": "heads.count.of=all",
    "depth": "heads.depth.loss=berhu",
    "normals": "heads.normals.decoder=aspp",
}
EVERYTHING = [f"tasks=[{','.join(HEADS)}]", *HEADS.values()]
VIEWS = {
    "single": "views.checkpointing=false",
    "rotations": "views.angles=[0,30,90,-45]",
    "scales": "views.factors=[1,0.6,1.7]",
    "tiles": "views.whole=true",
    "modalities": "views.adapter=learned",
}
STEPS = [
    EVERYTHING,
    [
        "tasks=[classification]",
        "heads.classification.pool=max",
        "heads.classification.focal_gamma=1",
    ],
    ["tasks=[similarity]", "heads.similarity.loss=triplet"],
    ["tasks=[depth,normals]", "heads.depth.loss=silog", "heads.normals.decoder=dpt"],
    ["tasks=[box,segmentation]", "fusion=none", "views=rotations", "ensemble=mean"],
    *(
        ["tasks=[classification,box]", f"views={view}", option, f"fusion={fusion}"]
        for (view, option), fusion in zip(
            VIEWS.items(), ("mean", "max", "concat", "attention", "mil_attention"), strict=True
        )
    ),
    ["tasks=[classification,box]", "encoder=branches", "fusion=mean"],
    ["tasks=[classification,box]", "encoder=siamese", "views=rotations", "views.angles=[0,45]"],
    *(
        ["tasks=[classification,box]", f"encoder={encoder}", f"fusion.exchange={exchange}"]
        for encoder, exchange in (
            ("cgc", "none"),
            ("cross_stitch", "concat"),
            ("dselect_k", "none"),
            ("ltb", "none"),
            ("mmoe", "none"),
            ("mtan", "none"),
            ("multi_branch", "attention"),
            ("nddr", "none"),
            ("per_task", "none"),
            ("ple", "none"),
        )
    ),
]


def test_every_member_is_walked_through() -> None:
    words = {word for step in STEPS for word in step}
    assert set(HEADS) == set(members("head"))
    assert set(VIEWS) == set(members("views"))
    for group in ("encoder", "fusion"):
        assert {f"{group}={n}" for n in members(group)} - words <= {"encoder=shared"}


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conf(tmp_path_factory.mktemp("conf"))


def built(conf: Path, step: list[str]) -> tuple[Network, Batch]:
    """A network in channels-last order, and a batch in which labels are partial."""
    cfg = load([*TINY, "data=partly", "augmentation=rotation", *step], conf)
    data = build_data(cfg)
    data.prepare_data()
    network = build_network(cfg, data.targets).to(memory_format=torch.channels_last)
    batch = data.finish(next(iter(data.loader("train", training=True))), training=True)
    return network, batch


def step_loss(network: Network, batch: Batch) -> Tensor:
    outputs = network.labelled_outputs(batch)
    return torch.stack([network.loss(t, raw, labels) for t, (raw, labels) in outputs.items()]).sum()


@pytest.fixture
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("step", STEPS, ids=" ".join)
def test_a_step(step: list[str], conf: Path, deterministic: None) -> None:
    """No kernel whose sums change from run to run, and every convolution gets channels last."""
    network, batch = built(conf, step)
    strayed: list[str] = []

    def look(name: str, module: nn.Module) -> None:
        def before(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            (maps,) = given
            # A part of the channels of such maps is fine.
            if maps.stride(1) != 1 and not maps.is_contiguous(memory_format=torch.channels_last):
                strayed.append(f"{name} {tuple(maps.shape)} {maps.stride()}")

        module.register_forward_pre_hook(before)

    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            look(name, module)
    with Called() as called:
        step_loss(network, batch).backward()
    assert set(called.names) & CHANGING == set()
    assert strayed == []


@pytest.mark.parametrize("step", STEPS, ids=" ".join)
def test_a_step_waits_for_nothing(step: list[str], conf: Path) -> None:
    cfg = load([*TINY, "data=partly", "augmentation=rotation", *step], conf)
    data = build_data(cfg)
    data.prepare_data()
    network = build_network(cfg, data.targets)
    raw = next(iter(data.loader("train", training=True)))
    gpu = PretendedGPU()
    gpu.move([network, data.normalise])
    # Without gradients: autograd would ask for a real device.
    with gpu, torch.no_grad():
        batch = data.transfer_batch_to_device(raw, torch.device("cuda"), 0)
        assert batch.image.device.type == "cuda"
        loss = step_loss(network, data.finish(batch, training=True))
        assert loss.device.type == "cuda"
    assert gpu.waits == []


def gradients(value: Tensor, given: Tensor) -> Tensor:
    weights = torch.linspace(-1, 1, value.numel(), dtype=value.dtype).view(value.shape)
    return torch.autograd.grad((value * weights).sum(), given)[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("side", "size"), [(7, (4, 3)), (7, (14, 20)), (12, (4, 6)), (1, (4, 4))])
def test_reproducible_kernels_say_the_same(
    side: int, size: tuple[int, int], dtype: torch.dtype, deterministic: None
) -> None:
    maps = torch.randn(2, 3, side, side + 2, dtype=dtype, requires_grad=True)
    grid = torch.rand(2, *size, 2, dtype=dtype) * 2.4 - 1.2
    bilinear = {"mode": "bilinear", "align_corners": False}
    for ours, theirs in (
        (averaged(maps, size), F.adaptive_avg_pool2d(maps, size)),
        (resized(maps, size), F.interpolate(maps, size, **bilinear)),
        (resized(maps, size, True), F.interpolate(maps, size, antialias=True, **bilinear)),
        (sampled(maps, grid), F.grid_sample(maps, grid, **bilinear)),
    ):
        torch.testing.assert_close(ours, theirs)
        torch.testing.assert_close(gradients(ours, maps), gradients(theirs, maps))


def test_picked_rows_keep_the_memory_format() -> None:
    for form in (torch.contiguous_format, torch.channels_last):
        maps = torch.randn(5, 4, 3, 3).to(memory_format=form).requires_grad_()
        some = pick({8: maps}, torch.tensor([0, 3]), 5)[8]
        assert some.is_contiguous(memory_format=form)
        assert torch.equal(some, maps[[0, 3]])
        (gradient,) = torch.autograd.grad(some.square().sum(), maps)
        assert gradient.is_contiguous(memory_format=form)


def test_augmentation_on_another_device_is_the_one_on_the_cpu(conf: Path) -> None:
    """Boxes come from their twin on the CPU, which moves with them."""
    cfg = load([*TINY, "data=partly", "augmentation=rotation", *EVERYTHING], conf)
    data = build_data(cfg)
    data.prepare_data()
    batch = next(iter(data.loader("train", training=True)))
    wanted = data.finish(batch, training=True).targets["boxes"]
    gpu = PretendedGPU()
    with gpu:
        moved = batch.to("cuda", non_blocking=True)
        assert isinstance(data.batch_augmenter, BatchAugmenter)
        found = data.batch_augmenter(moved).targets["boxes"].on_cpu
    assert torch.equal(found.index, wanted.index)
    for name in ("xyxy", "labels", "difficult"):
        assert torch.equal(getattr(found.value, name), getattr(wanted.value, name))
