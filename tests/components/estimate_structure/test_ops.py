import numpy as np

from components.estimate_structure import ops


def test_flow_follows_the_disc(moving):
    flow = ops.farneback(moving)
    assert flow.shape == (5, 32, 32, 2)
    on_disc = flow[:, 13:19, 13:19]
    np.testing.assert_allclose(on_disc.mean((0, 1, 2)), [0.8, 0.0], atol=0.15)
    assert np.abs(flow[:, :2, :4]).max() < 0.1
    np.testing.assert_array_equal(flow[-1], flow[-2])


def test_a_still_picture_does_not_move(moving):
    assert not ops.farneback(moving[:1]).any()


def test_what_differs_from_the_border_is_near(moving):
    near = ops.border_contrast(moving)
    assert near[:, 13:19, 13:19].min() > 5 * near[:, :4].max()


def test_rest_is_gray_and_speed_is_in_picture_widths():
    flow = np.zeros((1, 2, 10, 2), np.float32)
    flow[0, 0, 0], flow[0, 0, 1] = (0.5, -0.5), (100, -100)
    near = np.arange(20, dtype=np.float32).reshape(1, 2, 10)
    clip = ops.as_clip(flow, near, flow_limit=0.05)
    assert clip[0, 1, 5, :2].tolist() == [128, 128]
    assert clip[0, 0, 0, :2].tolist() == [255, 1]
    assert clip[0, 0, 1, :2].tolist() == [255, 0]
    assert (clip[..., 2].min(), clip[..., 2].max()) == (0, 255)
