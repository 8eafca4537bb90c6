import json
from dataclasses import replace
from pathlib import Path

import pytest

from components.adapt import stage
from components.adapt.config import Config
from components.common import artifacts
from components.language_model.config import Mix
from components.language_model.data import load


def test_an_adapted_model_is_a_whole_model_with_its_base_beside_it(
    tokens: Path, base: Path, config: Config, tmp_path: Path
):
    summary = stage.run(config, tokens=tokens, language_model=base, output=tmp_path / "adapted")
    assert summary.counts == {"steps": 6, "image_clips": 4, "clip_clips": 4}
    adapted, _ = load(tmp_path / "adapted")
    assert adapted.architecture == load(base)[0].architecture
    metrics = json.loads((tmp_path / "adapted" / "metrics.json").read_text())
    assert set(metrics) == {
        f"{of}heldout_loss.{task}" for of in ("", "base_") for task in ("text-to-video", "image-to-video")
    }
    assert artifacts.read_manifest(tmp_path / "adapted").inputs["language_model"] == artifacts.digest(base)


def test_the_same_adaptation_is_the_same_bytes(tokens: Path, base: Path, config: Config, tmp_path: Path):
    for name in ("one", "other"):
        stage.run(config, tokens=tokens, language_model=base, output=tmp_path / name)
    assert artifacts.digest(tmp_path / "one") == artifacts.digest(tmp_path / "other")


def test_sound_is_learned_from_frames(tokens: Path, base: Path, config: Config, tmp_path: Path):
    mix = Mix(0.0, {"video-to-audio": 1.0}, text_dropout=0.0, first_frame_share=0.0)
    sound = replace(config, mix=mix, quality_share=1.0)
    stage.run(sound, tokens=tokens, language_model=base, output=tmp_path / "adapted")
    metrics = json.loads((tmp_path / "adapted" / "metrics.json").read_text())
    assert metrics["heldout_loss.video-to-audio"] != pytest.approx(metrics["base_heldout_loss.video-to-audio"])
