import json

import numpy as np
import pytest
import torch
from transformers import DPTConfig, DPTForDepthEstimation, PerceiverConfig, PerceiverForOpticalFlow

from components.estimate_structure.pretrained import DptDepth, PerceiverFlow, patches


@pytest.fixture
def perceiver(tmp_path):
    """A random network of the public one's kind, as its files."""
    torch.manual_seed(0)
    config = PerceiverConfig(
        d_latents=16,
        d_model=322,
        num_latents=8,
        num_self_attends_per_block=1,
        num_self_attention_heads=2,
        num_cross_attention_heads=1,
        train_size=[16, 24],
    )
    PerceiverForOpticalFlow(config).save_pretrained(tmp_path)
    return tmp_path


@pytest.fixture
def dpt(tmp_path):
    """A random network of the public one's kind, as its files."""
    torch.manual_seed(0)
    config = DPTConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=32,
        patch_size=8,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        is_hybrid=False,
    )
    DPTForDepthEstimation(config).save_pretrained(tmp_path)
    prepare = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": {"height": 32, "width": 32}}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(prepare))
    return tmp_path


def test_perceiver_gives_flow_at_the_size_of_the_frames(perceiver, moving):
    flow = PerceiverFlow(perceiver)(moving)
    assert flow.shape == (5, 32, 32, 2)
    assert flow.dtype == np.float32
    np.testing.assert_array_equal(flow[-1], flow[-2])


def test_perceiver_flow_scales_with_the_picture(perceiver, moving):
    small = PerceiverFlow(perceiver)(moving[:2])
    large = PerceiverFlow(perceiver)(moving[:2].repeat(2, axis=1).repeat(2, axis=2))
    assert 1.5 < np.abs(large).mean() / np.abs(small).mean() < 2.5


def test_a_patch_lists_its_colors_position_by_position():
    picture = torch.arange(27.0).reshape(1, 3, 3, 3)
    center = patches(picture)[0, :, 1, 1]
    assert center[:3].tolist() == picture[0, :, 0, 0].tolist()
    assert center[12:15].tolist() == picture[0, :, 1, 1].tolist()


def test_dpt_gives_nearness_at_the_size_of_the_frames(dpt, moving):
    near = DptDepth(dpt)(moving)
    assert near.shape == (5, 32, 32)
    assert np.isfinite(near).all()
