import pytest
import torch

from components.super_resolution import ops

PAPER = [  # grid of the large clip, then its three windows
    ((5, 56, 32), [(1, 56, 4), (1, 8, 32), (5, 8, 8)]),
    ((5, 112, 64), [(1, 112, 2), (1, 4, 64), (5, 8, 8)]),
]


@pytest.mark.parametrize(("grid", "windows"), PAPER)
def test_merging_undoes_partitioning(grid, windows):
    x_BTHWD = torch.arange(2 * 5 * grid[1] * grid[2]).view(2, *grid, 1)
    for window in windows:
        parts = ops.partition(x_BTHWD, window)
        assert parts.shape[1] == window[0] * window[1] * window[2]
        assert torch.equal(ops.merge(parts, window, grid), x_BTHWD)


def test_a_window_holds_neighbors():
    rows = torch.arange(8).view(1, 1, 8, 1, 1).expand(1, 1, 8, 8, 1)
    windows = ops.partition(rows.contiguous(), (1, 4, 8))
    assert windows[0].unique().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("positions", "steps"), [(8960, 24), (35840, 24), (320, 24), (7, 24), (1, 3), (24, 24)])
def test_reveals_sum_to_all_positions(positions: int, steps: int):
    counts = ops.unmask_schedule(positions, steps)
    assert sum(counts) == positions
    assert min(counts) >= 1
    assert len(counts) <= steps


def test_reveals_of_the_paper_follow_the_cosine():
    counts = ops.unmask_schedule(8960, 24)
    assert counts[:4] == [20, 57, 96, 133]
    assert counts[-3:] == [579, 583, 586]
    assert ops.unmask_schedule(35840, 24)[0] == 77
    assert ops.unmask_schedule(35840, 24)[-1] == 2344
