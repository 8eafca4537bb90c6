import pytest
import torch

from components.filter.data import Clips
from components.judge.caption_vocabulary import CaptionVocabulary
from components.judge.examples import MISSING, Examples, learnable_values
from components.judge.model import Judge
from components.judge.training import Training, attribute_loss, caption_loss, degrade, shift


@pytest.fixture
def training(clips, config):
    examples = Examples(Clips(clips, "train"), config.formats, cache_mib=1)
    judge = Judge(config.architecture, CaptionVocabulary.learned(examples.captions), learnable_values(examples, 4))
    return Training(config, judge, examples)


def test_a_batch_depends_on_its_step_alone(training):
    first, again, other = training.batch(3, 0, 1), training.batch(3, 0, 1), training.batch(4, 0, 1)
    torch.testing.assert_close(first.frames, again.frames)
    torch.testing.assert_close(first.labels, again.labels)
    assert first.frames.shape != other.frames.shape or not torch.equal(first.frames, other.frames)
    assert not torch.equal(training.batch(3, 1, 2).frames, first.frames)


def test_stills_teach_neither_motion_nor_captions_of_clips(training):
    batches = [training.batch(step, 0, 1) for step in range(12)]
    stills = [batch for batch in batches if batch.frames.shape[1] == 1]
    clips = [batch for batch in batches if batch.frames.shape[1] > 1]
    assert stills
    assert clips
    motion = list(training.modules["judge"].values).index("motion")
    assert all((batch.labels[:, motion] == MISSING).all() for batch in stills)
    assert all((batch.labels[:, motion] >= 0).all() for batch in clips)
    moves = training.vocabulary.ids(["moves"])[0, 0]
    for batch in stills:
        of_clips = (batch.word_ids == moves).any(dim=1)
        assert (batch.captions[of_clips] == -1).all()


def test_an_unharmed_batch_is_the_batch():
    x = torch.rand(2, 3, 5, 8, 8)
    torch.testing.assert_close(degrade(shift(x, 0), blur=0.0, noise=0.0), x)


def test_blur_and_noise_keep_size_and_brightness():
    torch.manual_seed(0)
    x = torch.rand(4, 3, 1, 15, 9)
    harmed = degrade(shift(x, 2), blur=1.0, noise=0.1)
    assert harmed.shape == x.shape
    assert not torch.allclose(harmed, x)
    assert abs(float(harmed.mean() - x.mean())) < 0.05


def test_an_attribute_that_nobody_has_adds_nothing():
    logits = {"color": torch.randn(2, 3), "motion": torch.randn(2, 4)}
    both = attribute_loss(logits, torch.tensor([[0, MISSING], [2, MISSING]]), 0.0)
    torch.testing.assert_close(both, torch.nn.functional.cross_entropy(logits["color"], torch.tensor([0, 2])))
    assert attribute_loss({}, torch.zeros(2, 0, dtype=torch.int64), 0.0) == 0


def test_equal_captions_are_equally_right():
    features = torch.eye(3)[[0, 0, 1]]
    perfect = caption_loss(features, features, torch.tensor([5, 5, 7]), 0.01)
    torch.testing.assert_close(perfect, torch.tensor(2 * 0.6931472 / 3), atol=1e-4, rtol=1e-4)
    assert caption_loss(features, features, torch.tensor([-1, -1, -1]), 0.1) == 0
