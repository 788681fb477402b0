"""Views, encoder, fusion, heads and ensemble put together."""

import pytest
import torch
from training_kit import write_conf

from mtl.config.instantiate import make
from mtl.config.load import load
from mtl.data.batch import Batch, Labelled
from mtl.data.build import build_data
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.learning.scheduler.base import Schedule
from mtl.model.backbone.base import Backbone
from mtl.model.build import build_network
from mtl.model.network import Network


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    conf = write_conf(tmp_path_factory.mktemp("conf"))
    cfg = load(["data=alternating", "backbone=plain", "tasks=[b,a]"], conf)
    return build_network(cfg, build_data(cfg).targets).eval()


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def labelled(*rows: int) -> Labelled:
    return Labelled(torch.tensor(rows), torch.zeros(len(rows), dtype=torch.int64))


@pytest.mark.slow
def test_tasks_come_in_the_order_asked_for(network: Network, image: torch.Tensor) -> None:
    assert network.tasks == ("b", "a")
    assert network.target_names == {"b": "b", "a": "a"}
    assert {task: tuple(raw.shape) for task, raw in network(image).items()} == {
        "b": (5, 2),
        "a": (5, 3),
    }


def test_features_are_those_that_a_head_reads(network: Network, image: torch.Tensor) -> None:
    for features in network.features(image).values():
        assert {s: tuple(f.shape) for s, f in features.items()} == {4: (5, 8, 4, 4)}


def test_labelled_outputs_are_the_rows_that_have_labels(
    network: Network, image: torch.Tensor
) -> None:
    batch = Batch(image, list("vwxyz"), {"a": labelled(1, 4)})
    found = network.labelled_outputs(batch)
    assert list(found) == ["a"]
    raw, labels = found["a"]
    assert labels.index.tolist() == [1, 4]
    torch.testing.assert_close(raw, network(image)["a"][[1, 4]])


def test_no_label_no_output(network: Network, image: torch.Tensor) -> None:
    assert network.labelled_outputs(Batch(image, list("vwxyz"), {})) == {}


def test_each_sample_is_decided_by_itself(network: Network, image: torch.Tensor) -> None:
    order = torch.tensor([3, 0, 4, 1, 2])
    whole, turned = network.predict(image), network.predict(image[order])
    for task in network.tasks:
        torch.testing.assert_close(whole[task][order], turned[task])
        torch.testing.assert_close(whole[task].sum(1), torch.ones(5))
        assert not whole[task].requires_grad


def test_unknown_class_in_a_configuration() -> None:
    with pytest.raises(UserError, match=r"_target_=training_kit\.Nothing can't be loaded: "):
        make({"_target_": "training_kit.Nothing"}, Backbone)


@pytest.mark.parametrize(
    "name", ["os.system", "mtl.files.write_whole", "torch.nn.Linear", "math.pi"]
)
def test_class_of_another_group_is_not_called(name: str) -> None:
    with pytest.raises(UserError, match=rf"_target_={name}: must be a Backbone \("):
        make({"_target_": name}, Backbone)


def test_schedules_are_declared() -> None:
    """Any other function of the package could be named too."""
    node = {"_target_": "mtl.learning.scheduler.cosine.cosine_factor", "step": 1}
    with pytest.raises(UserError, match="must be a Schedule"):
        make(node, Schedule)


def test_a_target_of_another_kind_than_the_head_needs_is_refused() -> None:
    """What the yaml says of the data is not what the data set says."""
    cfg = load(["tasks=[classification]", "backbone.width=8"])
    with pytest.raises(UserError, match=r"heads\.classification\.kind=label: .* of kind mask"):
        build_network(cfg, {"label": Target("mask", ("ground", "a"))})
