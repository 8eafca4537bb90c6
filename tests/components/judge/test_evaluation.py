import pytest
import torch

from components.judge.evaluation import retrieval


def test_retrieval_counts_equal_captions_as_found():
    features = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, -1]])
    found = retrieval(features, features[[0, 1, 2, 2]], ["a", "a", "b", "c"])
    assert found["retrieval_video_to_text"] == pytest.approx(0.75)
    assert found["retrieval_text_to_video"] == pytest.approx(0.75)
    assert found["retrieval_chance"] == pytest.approx(6 / 16)
    assert found["retrieval_n"] == 4
