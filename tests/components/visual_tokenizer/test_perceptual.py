from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from components.visual_tokenizer import perceptual


@pytest.fixture(scope="module")
def network() -> perceptual.Perceptual:
    torch.manual_seed(0)
    return perceptual.Perceptual()


def test_the_names_are_those_of_the_public_weights(network):
    names = [name for name in network.state_dict() if name.endswith("weight")]
    assert names == [f"features.{n}.weight" for n in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)]
    assert sum(parameter.numel() for parameter in network.parameters()) == 14_714_688


def test_distance_is_nothing_to_oneself_and_grows_with_the_change(network):
    x = torch.rand(1, 3, 2, 16, 16) * 2 - 1
    noise = torch.randn_like(x)
    near, far = network(x + 0.05 * noise, x), network(x + 0.5 * noise, x)
    assert network(x, x) == 0
    assert 0 < near < far


def test_its_gradient_reaches_the_pixels_and_not_the_network(network):
    y = torch.zeros(1, 3, 1, 16, 16).requires_grad_()
    network(y, torch.rand(1, 3, 1, 16, 16)).backward()
    assert y.grad is not None
    assert y.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in network.parameters())


def test_weights_are_read_from_the_pretrained_folder(network, tmp_path: Path):
    folder = tmp_path / perceptual.NAME
    folder.mkdir()
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(state | {"classifier.0.weight": torch.zeros(1)}, folder / "model.safetensors")
    x = torch.rand(2, 3, 1, 16, 16)
    torch.testing.assert_close(perceptual.load(tmp_path)(x, x.flip(0)), network(x, x.flip(0)))


def test_missing_weights_are_asked_for_by_name(tmp_path: Path):
    with pytest.raises(ValueError, match=r"weights of vgg16 .* `pretrained\.models`"):
        perceptual.load(tmp_path)
