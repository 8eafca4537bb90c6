import pytest
import torch

from components.judge.caption_vocabulary import CaptionVocabulary
from components.judge.config import Architecture
from components.judge.model import Judge


@pytest.fixture
def judge():
    torch.manual_seed(0)
    architecture = Architecture((8, 8, 8, 8), (8, 8, 8), 4, 12, 8)
    values = {"color": ("blue", "red"), "a.b": ("one", "three", "two")}
    return Judge(architecture, CaptionVocabulary(["a", "red", "square"]), values).eval()


@pytest.mark.parametrize("size", [(1, 16, 16), (1, 24, 16), (5, 16, 16), (17, 56, 32), (41, 32, 32)])
def test_every_size_and_length_is_judged(judge, size):
    frames = torch.randint(0, 256, (2, *size, 3), dtype=torch.uint8)
    assert judge.features(frames).shape == (2, 12)
    named = judge.attributes(frames)
    assert set(named) == {"color", "a.b"}
    assert set(named["a.b"]) <= {"one", "two", "three"}


def test_similarity_is_a_cosine(judge):
    frames = torch.randint(0, 256, (2, 5, 16, 16, 3), dtype=torch.uint8)
    similarity = judge.similarity(frames, ["a red square", "nothing that it knows"])
    assert similarity.shape == (2,)
    assert (similarity.abs() <= 1 + 1e-6).all()


def test_the_motion_stream_sees_order_and_no_standing_ground(judge):
    frames = torch.randint(0, 100, (1, 9, 16, 16, 3), dtype=torch.uint8)
    x = frames.permute(0, 4, 1, 2, 3).float()
    moves = judge.video.motion
    torch.testing.assert_close(moves(x.diff(dim=2)), moves((x + 50).diff(dim=2)), atol=1e-3, rtol=1e-4)
    assert not torch.allclose(judge.features(frames), judge.features(frames.flip(1)), atol=1e-4)


def test_many_clips_are_judged_as_one_by_one(judge):
    frames = torch.randint(0, 256, (40, 2, 8, 8, 3), dtype=torch.uint8)
    alone = torch.cat([judge.features(clip[None]) for clip in frames])
    torch.testing.assert_close(judge.features(frames), alone, atol=1e-5, rtol=1e-5)


def test_without_attributes_there_are_no_heads():
    judge = Judge(Architecture((4, 4), (4, 4), 4, 4, 4), CaptionVocabulary([]), {}).eval()
    assert judge.attributes(torch.zeros(1, 5, 8, 8, 3, dtype=torch.uint8)) == {}
    assert judge.similarity(torch.zeros(1, 5, 8, 8, 3, dtype=torch.uint8), ["anything"]).shape == (1,)
