"""``encoder=siamese``."""

from typing import Any

import pytest
import torch
from branch_kit import Plain, Turned, images, small

from mtl.errors import UserError
from mtl.model.encoder.siamese import Siamese
from mtl.model.views.single import Single


def siamese(angles: list[float], **options: Any) -> Siamese:
    torch.manual_seed(0)
    return Siamese(small, ["a", "b"], Turned(angles), **options).eval()


def test_mean_and_distance_by_hand() -> None:
    """View 0 is 1 left and 2 right; view 1 the same turned by 180 degrees, of a brighter image."""
    encoder = Siamese(Plain, ["t"], Turned([0, 180]))
    upright = torch.ones(1, 3, 4, 4)
    upright[..., 2:] = 2
    turned = upright.rot90(2, (-2, -1)) + 3
    out = encoder(torch.cat([upright, turned]))["t"][2]
    assert out.shape == (1, 2, 2, 2)
    # 12 numbers under a kernel of ones: (12, 24) and, turned back, (48, 60).
    torch.testing.assert_close(out[0, 0], torch.tensor([[30.0, 42.0]] * 2))
    torch.testing.assert_close(out[0, 1], torch.tensor([[36.0, 36.0]] * 2))


@pytest.mark.parametrize(("distance", "wanted"), [("l1", 36.0), ("l2", 1296.0)])
def test_distances(distance: str, wanted: float) -> None:
    encoder = Siamese(Plain, ["t"], Turned([0, 90]), distance=distance)
    pair = torch.cat([torch.ones(1, 3, 4, 4), torch.full((1, 3, 4, 4), 4.0)])
    torch.testing.assert_close(encoder(pair)["t"][2][:, 1], torch.full((1, 2, 2), wanted))


def test_without_distance_there_is_the_mean_alone() -> None:
    encoder, both = siamese([0, 90], distance="none"), siamese([0, 90])
    assert [s.channels for s in encoder.feature_stages] == [4, 8, 16, 32]
    assert [s.channels for s in both.feature_stages] == [8, 16, 32, 64]
    image = images(4)
    torch.testing.assert_close(encoder(image)["a"][8], both(image)["a"][8][:, :16])


@pytest.mark.parametrize("angles", [[0, 90], [90, 0], [0, 45], [30, 0]])
def test_one_stream_in_the_frame_of_the_image(angles: list[float]) -> None:
    views = Turned(angles)
    encoder = siamese(angles)
    assert [views.placements[s].identity for s in encoder.streams] == [True]
    swapped = siamese(angles[::-1])
    image = images(3)
    out = encoder(views(image))["a"][4]
    assert out.shape == (3, 16, 8, 8)
    torch.testing.assert_close(out, swapped(Turned(angles[::-1])(image))["a"][4])


def test_where_only_one_view_shows_the_image() -> None:
    """A corner that the turned view does not show has the other's value, and no distance."""
    encoder = Siamese(Plain, ["t"], Turned([0, 45]))
    pair = torch.cat([torch.ones(1, 3, 32, 32), torch.full((1, 3, 32, 32), 4.0)])
    mean, gap = encoder(pair)["t"][2][0].detach()
    assert mean.shape == (16, 16)
    torch.testing.assert_close(mean[0, 0], torch.tensor(12.0))
    torch.testing.assert_close(gap[0, 0], torch.tensor(0.0))
    torch.testing.assert_close(mean[8, 8], torch.tensor(30.0))
    torch.testing.assert_close(gap[8, 8], torch.tensor(36.0))
    # Nowhere is a cell darker than the darker view.
    assert float(mean.min()) > 12 - 1e-3
    assert float(mean.max()) < 30 + 1e-3


def test_gauge_is_the_distance_of_the_pooled_vectors() -> None:
    encoder = Siamese(Plain, ["t"], Turned([0, 90]))
    assert encoder.gauges() == {}
    pair = torch.cat([torch.ones(1, 3, 4, 4), torch.full((1, 3, 4, 4), 4.0)])
    encoder(pair)
    gap = encoder.gauges()["distance"]
    assert float(gap) == 4 * 36.0
    assert not gap.requires_grad
    encoder.eval()(2 * pair)
    assert float(encoder.gauges()["distance"]) == 4 * 36.0


@pytest.mark.parametrize(
    ("angles", "said"),
    [
        ([0], "encoder=siamese compares two views, this makes 1: choose views=rotations "),
        ([0, 90, 180], "encoder=siamese compares two views, this makes 3: choose views=rotations "),
        ([90, 180], "encoder=siamese needs the image as it is among its two views: choose views="),
    ],
)
def test_refused(angles: list[float], said: str) -> None:
    with pytest.raises(UserError) as error:
        siamese(angles)
    assert str(error.value).startswith(said)
    assert str(error.value).endswith("views.angles=[0,90]")


def test_refuses_a_single_view_and_unknown_distances() -> None:
    with pytest.raises(UserError, match="compares two views, this makes 1"):
        Siamese(small, ["a"], Single())
    with pytest.raises(UserError, match=r"^encoder.distance=l3: allowed: l1, l2, none$"):
        siamese([0, 90], distance="l3")
