"""Scores of networks with random weights, in the files of public ones."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import CLIPConfig, CLIPModel, ViTConfig, ViTForImageClassification

from components.common import artifacts
from components.filter import data, models, scoring
from components.filter.config import AttributeBalance, ClassifierRule, ClipScoreRule, Config
from tests.components.filter.conftest import Run

SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
PREPARE = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
WORDS = {"a": 0, "red": 1, "blue": 2, "square": 3, "?": 4}


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("pretrained"), seed=0)


def made(folder: Path, seed: int) -> Path:
    """A CLIP and a classifier of three labels."""
    torch.manual_seed(seed)
    text = SMALL | {"vocab_size": 8, "max_position_embeddings": 6, "eos_token_id": 4}
    vision = SMALL | {"image_size": 16, "patch_size": 8}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).save_pretrained(folder / "clip")
    tokenizer = Tokenizer(WordLevel(WORDS, unk_token="?"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "clip" / "tokenizer.json"))
    prepare = PREPARE | {"size": {"shortest_edge": 16}, "crop_size": {"height": 16, "width": 16}}
    (folder / "clip" / "preprocessor_config.json").write_text(json.dumps(prepare))
    labels = {0: "safe", 1: "nude", 2: "violent"}
    config = ViTConfig(**SMALL, image_size=16, patch_size=8, id2label=labels)
    ViTForImageClassification(config).save_pretrained(folder / "safety")
    prepare = PREPARE | {"size": {"height": 16, "width": 16}}
    (folder / "safety" / "preprocessor_config.json").write_text(json.dumps(prepare))
    artifacts.describe(folder, "pretrained", inputs={}, counts={})
    return folder


@pytest.fixture
def stills() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 32, 48, 3), np.uint8)


def test_similarity_is_the_cosine_of_the_best_still_and_depends_on_the_words(pretrained: Path, stills: np.ndarray):
    clip = models.ClipModel(pretrained / "clip")
    of_each = [clip.similarity(stills[place : place + 1], "a red square") for place in range(3)]
    assert clip.similarity(stills, "a red square") == pytest.approx(max(of_each), abs=1e-3)
    assert all(-1 <= one <= 1 for one in of_each)
    assert clip.similarity(stills, "blue") != clip.similarity(stills, "a red square")


def test_a_caption_longer_than_the_model_reads_is_cut(pretrained: Path, stills: np.ndarray):
    clip = models.ClipModel(pretrained / "clip")
    assert clip.similarity(stills, "red " * 6) == clip.similarity(stills, "red " * 60)


def test_probabilities_of_all_labels_add_up_to_one(pretrained: Path, stills: np.ndarray):
    one, all_of_them = (
        models.ImageClassifier(pretrained / "safety", labels) for labels in (("nude",), ("safe", "nude", "violent"))
    )
    assert all_of_them.probabilities(stills) == pytest.approx([1.0] * 3, abs=1e-3)
    assert all(0 < share < 1 for share in one.probabilities(stills))


def test_the_likeliest_label_is_that_of_the_highest_mean_probability(pretrained: Path, stills: np.ndarray):
    names = ("safe", "nude", "violent")
    means = {
        name: np.mean(models.ImageClassifier(pretrained / "safety", (name,)).probabilities(stills)) for name in names
    }
    label, probability = models.ImageClassifier(pretrained / "safety", names).likeliest(stills)
    assert label == max(names, key=lambda name: means[name])
    assert probability == pytest.approx(means[label], abs=1e-3)
    rest = tuple(name for name in names if name != label)
    assert models.ImageClassifier(pretrained / "safety", rest).likeliest(stills)[0] in rest


def test_an_attribute_is_the_likeliest_label_with_its_probability(config: Config, pretrained: Path, stills: np.ndarray):
    names = ("safe", "nude", "violent")
    balance = replace(config.balance, attribute=AttributeBalance("safety", names, 1.0, 0.5))
    label, probability = models.ImageClassifier(pretrained / "safety", names).likeliest(stills)
    classify = scoring.load_classifiers(replace(config, balance=balance), pretrained)
    assert classify(stills, "a red square") == ({"attribute": label}, probability)


def test_a_label_that_the_model_lacks_is_named_with_those_it_has(pretrained: Path):
    with pytest.raises(ValueError, match="safety has no label nsfw: choose of nude, safe, violent"):
        models.ImageClassifier(pretrained / "safety", ("nsfw",))


def test_only_rules_with_a_model_are_scored_and_match_only_where_there_are_words(
    config: Config, pretrained: Path, stills: np.ndarray
):
    assert scoring.load_classifiers(config, pretrained)(stills, "a red square") == ({}, None)
    chosen = replace(
        config, clip_score=ClipScoreRule("clip", 0.2), unsafe=ClassifierRule("safety", ("nude", "violent"), 0.5)
    )
    classify = scoring.load_classifiers(chosen, pretrained)
    assert classify(stills, "a red square")[0].keys() == {"clip_score", "unsafe"}
    assert classify(stills, "")[0].keys() == {"unsafe"}


def test_weights_that_were_not_fetched_are_named(config: Config, tmp_path: Path):
    with pytest.raises(ValueError, match=r"filter needs `clip`, which was not fetched: add it to pretrained\.models"):
        scoring.load_classifiers(replace(config, clip_score=ClipScoreRule("clip", 0.2)), tmp_path)


def test_other_weights_judge_again_and_other_limits_do_not(
    run: Run, config: Config, pretrained: Path, kept_clips: Path, shared: Path, decoded: list[str], tmp_path: Path
):
    def content(least: float, limit: float, weights: Path) -> list[tuple[float, float, str | None]]:
        attribute = AttributeBalance("safety", ("safe", "nude", "violent"), least, 0.9)
        chosen = replace(
            config, clip_score=ClipScoreRule("clip", -1.0), unsafe=ClassifierRule("safety", ("nude",), limit)
        )
        chosen = replace(chosen, balance=replace(config.balance, attribute=attribute))
        run(chosen, clips=kept_clips, pretrained=weights, output=tmp_path / "filtered")
        table = pq.read_table(tmp_path / "filtered" / data.SCORES)
        return [tuple(row.values()) for row in table.select(["clip_score", "unsafe", "attribute"]).to_pylist()]

    classified = content(0.0, 0.9, pretrained)
    assert all(label for *_, label in classified)
    assert content(1.0, 0.8, pretrained) == [(match, unsafe, None) for match, unsafe, _ in classified]
    assert len(decoded) == len(classified)
    (tmp_path / "other").mkdir()
    others = content(0.0, 0.9, made(tmp_path / "other", seed=1))
    assert len(decoded) == 2 * len(classified)
    assert all(one[:2] != other[:2] for one, other in zip(classified, others, strict=True))
