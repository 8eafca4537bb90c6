import torch

from components.media import tensors


def test_pixels_survive_the_way_to_the_model_and_back() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).repeat(3).reshape(1, 4, 8, 8, 3)
    unit = tensors.to_unit(pixels)
    assert unit.shape == (1, 3, 4, 8, 8)
    assert float(unit.min()) == -1
    assert float(unit.max()) == 1
    assert torch.equal(tensors.to_bytes(unit), pixels)


def test_what_a_model_overshoots_is_clipped() -> None:
    assert tensors.to_bytes(torch.tensor([-3.0, 3.0]).reshape(1, 1, 1, 1, 2)).flatten().tolist() == [0, 255]
