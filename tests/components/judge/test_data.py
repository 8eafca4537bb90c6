import pytest
import torch

from components.judge import data
from components.judge.caption_vocabulary import CaptionVocabulary
from components.judge.model import Judge


def test_a_judge_comes_back_from_its_files(tmp_path, config):
    torch.manual_seed(0)
    judge = Judge(config.architecture, CaptionVocabulary(["red", "square"]), {"color": ("blue", "red")})
    data.save(tmp_path, judge, config.architecture)
    frames = torch.randint(0, 256, (3, 5, 16, 16, 3), dtype=torch.uint8)
    read = data.load(tmp_path)
    torch.testing.assert_close(read.features(frames), judge.eval().features(frames), rtol=0, atol=0)
    assert read.attributes(frames) == judge.attributes(frames)
    torch.testing.assert_close(read.similarity(frames, ["red"] * 3), judge.similarity(frames, ["red"] * 3))


def test_a_folder_without_a_judge_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no model"):
        data.load(tmp_path)
