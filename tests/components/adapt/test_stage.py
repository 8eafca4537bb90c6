import json
from dataclasses import replace
from pathlib import Path

import pytest

from components.adapt import stage
from components.adapt.config import Config
from components.common import artifacts
from components.language_model.config import Mix
from components.language_model.data import load
from components.pretokenize import data as tokens_data
from tests.components.adapt.conftest import NewBase


def test_an_adapted_model_is_a_whole_model_with_its_base_beside_it(
    tokens: Path, base: Path, config: Config, tmp_path: Path
):
    summary = stage.run(config, tokens=tokens, language_model=base, output=tmp_path / "adapted")
    assert summary.counts == {"steps": 6, "image_clips": 4, "clip_clips": 4}
    adapted, _ = load(tmp_path / "adapted")
    assert adapted.architecture == load(base)[0].architecture
    metrics = json.loads((tmp_path / "adapted" / "metrics.json").read_text())
    assert set(metrics) == {
        f"{of}heldout_loss.{task}" for of in ("", "base_") for task in ("text_to_video", "image_to_video")
    }
    assert artifacts.read_manifest(tmp_path / "adapted").inputs["language_model"] == artifacts.digest(base)


def test_the_same_adaptation_is_the_same_bytes(tokens: Path, base: Path, config: Config, tmp_path: Path):
    for name in ("one", "other"):
        stage.run(config, tokens=tokens, language_model=base, output=tmp_path / name)
    assert artifacts.digest(tmp_path / "one") == artifacts.digest(tmp_path / "other")


def test_audio_is_learned_from_frames(tokens: Path, base: Path, config: Config, tmp_path: Path):
    mix = Mix(0.0, {"video_to_audio": 1.0}, text_dropout=0.0, first_frame_share=0.0)
    sound = replace(config, mix=mix, quality_share=1.0)
    stage.run(sound, tokens=tokens, language_model=base, output=tmp_path / "adapted")
    metrics = json.loads((tmp_path / "adapted" / "metrics.json").read_text())
    assert metrics["heldout_loss.video_to_audio"] != pytest.approx(metrics["base_heldout_loss.video_to_audio"])


def only(tokens: Path, group: str, output: Path, **facts: int) -> Path:
    """The shards of one format alone."""
    found = artifacts.read_manifest(tokens).facts | facts
    with artifacts.fresh(output) as folder:
        columns = tokens_data.columns(tokens / f"{group}.arrow")
        tokens_data.write(folder / f"{group}.arrow", columns, found)
        artifacts.describe(folder, "tokens", inputs={}, counts={group: 12}, facts=found)
    return output


@pytest.mark.parametrize("group", ["image", "clip"])
def test_where_only_pictures_or_only_videos_are_new_all_steps_go_to_them(
    tokens: Path, base: Path, config: Config, group: str, tmp_path: Path
):
    both = Mix(0.5, {"text_to_video": 1.0, "text_to_image": 1.0}, text_dropout=0.1, first_frame_share=0.0)
    some = only(tokens, group, tmp_path / "tokens")
    stage.run(replace(config, mix=both), tokens=some, language_model=base, output=tmp_path / "adapted")
    assert load(tmp_path / "adapted")[0].token_spec == load(base)[0].token_spec  # it can still do what its base can
    metrics = json.loads((tmp_path / "adapted" / "metrics.json").read_text())
    task = "text_to_image" if group == "image" else "text_to_video"
    assert set(metrics) == {f"heldout_loss.{task}", f"base_heldout_loss.{task}"}


def test_clips_of_a_format_that_the_base_does_not_know_are_left_out(
    tokens: Path, config: Config, tmp_path: Path, new_base: NewBase
):
    base = new_base(only(tokens, "clip", tmp_path / "clips"), tmp_path / "base")
    mix = Mix(0.5, {"text_to_video": 1.0, "text_to_image": 1.0}, text_dropout=0.1, first_frame_share=0.0)
    summary = stage.run(replace(config, mix=mix), tokens=tokens, language_model=base, output=tmp_path / "adapted")
    assert summary.counts == {"steps": 6, "image_clips": 0, "clip_clips": 4}


def test_tokens_of_other_tokenizers_are_refused(tokens: Path, base: Path, config: Config, tmp_path: Path):
    other = only(tokens, "clip", tmp_path / "tokens", codebook_bits=7)
    with pytest.raises(ValueError, match="tokens of other tokenizers"):
        stage.run(config, tokens=other, language_model=base, output=tmp_path / "adapted")
