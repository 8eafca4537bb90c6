from dataclasses import replace

import pytest
import torch

from components.super_resolution.config import Windows
from components.super_resolution.layers import axial_table
from components.super_resolution.model import SubPixelConvolution

KEPT = torch.zeros(2, dtype=torch.bool)


def test_both_factors_are_predicted_everywhere(model, given):
    first, second = model(**given, lr_dropped_B=KEPT)
    assert first.shape == (2, 3, 4, 4, 8)
    assert second.shape == (2, 3, 4, 4, 16)


def test_masked_codes_are_not_seen(model, given):
    other = torch.where(given["masked_BTHW"], 127 - given["hr_BTHW"], given["hr_BTHW"])
    expected = model(**given, lr_dropped_B=KEPT)
    actual = model(**given | {"hr_BTHW": other}, lr_dropped_B=KEPT)
    torch.testing.assert_close(actual, expected, rtol=0, atol=0)


def test_a_dropped_small_clip_is_not_seen(model, given):
    dropped = torch.tensor([True, False])
    expected = model(**given, lr_dropped_B=dropped)
    actual = model(**given | {"lr_BThw": 127 - given["lr_BThw"]}, lr_dropped_B=dropped)
    torch.testing.assert_close(actual[0][0], expected[0][0], rtol=0, atol=0)
    assert not torch.allclose(actual[0][1], expected[0][1])


def test_text_beyond_its_length_is_not_seen(model, given):
    text = given["text_BSD"].clone()
    text[1, 2:] = 100.0
    expected = model(**given, lr_dropped_B=KEPT)
    actual = model(**given | {"text_BSD": text}, lr_dropped_B=KEPT)
    torch.testing.assert_close(actual, expected, rtol=0, atol=0)


def test_a_small_token_reaches_only_the_windows_above_it_in_one_layer(model, given):
    layer = model.blocks[0].layers[0]  # vertical windows two columns wide lie on small ones one column wide
    x = torch.randn(1, 3, 4, 4, 32)
    low = torch.randn(1, 3, 2, 2, 32)
    other = low.clone()
    other[:, 1, :, 1] += 1.0
    changed = (layer(x, low) - layer(x, other)).abs().amax(dim=(0, 2, 4)) > 1e-6
    assert changed.tolist() == [[False] * 4, [False, False, True, True], [False] * 4]


def test_small_positions_lie_in_the_middle_of_the_large_ones_they_cover():
    large, small = axial_table((1, 4, 4), 1, 16), axial_table((1, 2, 2), 2, 16)
    rows = torch.tensor([0.5, 2.5])
    torch.testing.assert_close(small[0].view(2, 2, 16)[:, 0, 2], rows.cos())
    torch.testing.assert_close(large[0].view(4, 4, 16)[:, 0, 2], torch.arange(4.0).cos())


def test_windows_must_tile_the_grid(model):
    windows = Windows(vertical=(1, 4, 2), horizontal=(1, 2, 4), temporal=(3, 4, 6))
    with pytest.raises(ValueError, match=r"windows\.temporal \(3, 4, 6\) must divide the token grid \(3, 4, 4\)"):
        replace(model.architecture, windows=windows)


def test_a_small_token_reaches_the_four_large_ones_above_it_in_its_own_frame():
    layer = SubPixelConvolution(3)
    torch.nn.init.zeros_(layer.conv.bias)
    weight = torch.zeros_like(layer.conv.weight)
    weight[:, :, 1, 1] = torch.rand(weight.shape[:2])  # no neighbors
    layer.conv.weight = torch.nn.Parameter(weight)
    low = torch.zeros(1, 2, 3, 4, 3)
    low[0, 1, 2, 1] = 1.0
    reached = layer(low).abs().sum(-1).nonzero()[:, 1:].tolist()
    assert reached == [[1, 4, 2], [1, 4, 3], [1, 5, 2], [1, 5, 3]]
