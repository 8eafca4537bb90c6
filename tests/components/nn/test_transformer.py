import pytest
import torch

from components.nn.transformer import FeedForward, KeyValueCache, SelfAttention, rotary_axes, rotary_table, rotate


def test_rotated_scores_depend_on_distance_only():
    query, key = torch.randn(2, 1, 1, 1, 8).unbind(0)
    scores = []
    for at in (0, 5, 70):
        near, far = (rotary_table(torch.tensor([position]), 8) for position in (at, at + 3))
        scores.append((rotate(query, near) * rotate(key, far)).sum())
    torch.testing.assert_close(torch.stack(scores), scores[0].expand(3), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("width", [8, 12, 32])
def test_scores_depend_on_the_distance_along_every_axis(width):
    query, key = torch.randn(2, 1, 1, 1, width).unbind(0)

    def score(at: list[float], far: list[float]) -> torch.Tensor:
        near, there = (rotary_axes(torch.tensor([place]), width, (100.0, 50.0, 50.0, 50.0)) for place in (at, far))
        return (rotate(query, near) * rotate(key, there)).sum()

    torch.testing.assert_close(
        score([1, 2, 3, 4], [2, 2, 5, 1]), score([7, 0, 0.5, 9], [8, 0, 2.5, 6]), atol=1e-4, rtol=1e-4
    )
    for axis in range(4):
        moved = [float(axis == other) for other in range(4)]
        assert abs(score([0, 0, 0, 0], moved) - score([0, 0, 0, 0], [0, 0, 0, 0])) > 1e-4


def test_attention_through_a_cache_equals_attention_at_once():
    torch.manual_seed(0)
    layer = SelfAttention(16, 2)
    x = torch.randn(3, 6, 16)
    table = rotary_table(torch.arange(6), 8)
    whole = layer(x, table=table, mask=torch.ones(6, 6, dtype=torch.bool).tril())
    cache = KeyValueCache(torch.zeros(3, 2, 6, 8), torch.zeros(3, 2, 6, 8))
    steps = [layer(x[:, n : n + 1], table=(table[0][n : n + 1], table[1][n : n + 1]), cache=cache) for n in range(6)]
    torch.testing.assert_close(torch.cat(steps, dim=1), whole)


def test_feed_forward_works_on_each_position_alone():
    layer = FeedForward(8, 24)
    x = torch.randn(2, 5, 8)
    torch.testing.assert_close(layer(x)[:, 2:3], layer(x[:, 2:3]))


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="multiple of"):
        SelfAttention(10, 4)
