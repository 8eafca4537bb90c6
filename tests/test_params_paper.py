"""The profiles of the paper hold all of its numbers that a parameter file can hold."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from components.common import params
from components.common.formats import Formats
from components.language_model.config import Architecture, Mix
from components.language_model.tasks import TASKS
from components.language_model.vocabulary import Vocabulary
from components.super_resolution import model
from components.super_resolution.config import Config
from flows.graph import profiles

FOLDER = Path(__file__).parents[1] / "profiles"
PAPER = ("paper_300m", "paper_1b", "paper_8b")
VALUES = {name: profiles.read(name, FOLDER) for name in PAPER}
every = pytest.mark.parametrize("values", VALUES.values(), ids=VALUES.keys())


def latent(values: dict[str, Any], frames: int, height_px: int, width_px: int) -> tuple[int, int, int]:
    """The token grid of a clip."""
    architecture = values["visual_tokenizer"]["video"]["architecture"]
    stem_px, side = architecture["stem_px"], math.prod(architecture["strides_px"])
    first = 1 + (frames - 1) // math.prod(architecture["strides_t"])
    return first, height_px // stem_px // side, width_px // stem_px // side


@every
def test_the_vocabulary(values: dict[str, Any]) -> None:
    """Special 0 … 255, visual 256 … 262 399 (2^18), audio 262 400 … 266 495 (4 levels × 1 024)."""
    sound, visual = values["audio_tokenizer"]["architecture"], values["visual_tokenizer"]["video"]["architecture"]
    vocabulary = Vocabulary(visual["codebook_bits"], sound["levels"], sound["codebook_size"])
    assert (visual["codebook_bits"], sound["levels"], sound["codebook_size"]) == (18, 4, 1024)
    assert vocabulary.visual_ids == range(256, 262_400)
    assert vocabulary.audio_ids == range(262_400, 266_496)


@every
@pytest.mark.parametrize(
    ("name", "clip", "grid", "tokens"),
    [
        ("image", (1, 128, 128), (1, 16, 16), 256),
        ("clip", (17, 128, 128), (5, 16, 16), 1_280),
        ("clip_portrait", (17, 224, 128), (5, 28, 16), 2_240),
        ("long", (41, 128, 128), (11, 16, 16), 2_816),
        ("long_portrait", (41, 224, 128), (11, 28, 16), 4_928),
    ],
)
def test_the_shapes_of_pictures(
    values: dict[str, Any], name: str, clip: tuple[int, int, int], grid: tuple[int, int, int], tokens: int
) -> None:
    found = getattr(Formats(**values["formats"]), name)
    assert (found.frames, found.height_px, found.width_px) == clip
    assert latent(values, *clip) == grid
    assert math.prod(grid) == tokens


@every
def test_the_shapes_of_sound_and_text(values: dict[str, Any]) -> None:
    """8 fps, 16 kHz, hop 320; 106 and 256 frames of 4 levels; 64 text positions of 2 048 (T5 v1.1 XL)."""
    formats, sound = Formats(**values["formats"]), values["audio_tokenizer"]["architecture"]
    hop = sound["patch"] * math.prod(sound["strides"])
    assert (formats.fps, formats.sample_rate_hz, hop, formats.text_tokens) == (8, 16_000, 320, 64)
    assert formats.samples(17) // hop * sound["levels"] == 424
    assert formats.samples(41) // hop * sound["levels"] == 1_024
    assert (values["text_encoder"]["kind"], values["text_encoder"]["pretrained"]) == ("t5", "t5_v1_1_xl")


@pytest.mark.parametrize(("name", "parameters"), [("paper_300m", 300e6), ("paper_1b", 1e9), ("paper_8b", 8e9)])
def test_the_sizes_of_the_language_model(name: str, parameters: float) -> None:
    """300 M, 1 B, 8 B in the blocks: four projections of attention, three of the feed-forward layer."""
    phases = [Architecture(**phase["architecture"]) for phase in VALUES[name]["language_model"].values()]
    assert phases[0] == phases[1]
    one = phases[0]
    blocks = one.layers * (4 * one.width**2 + 3 * one.width * one.feed_forward_width)
    assert blocks == pytest.approx(parameters, rel=0.02)


@every
def test_the_phases(values: dict[str, Any]) -> None:
    """First 25 % of the steps with 90 % image, then 10 %; one optimizer and schedule over both; text dropped 10 %."""
    first, second = values["language_model"]["image_heavy"], values["language_model"]["video_heavy"]
    assert (first["mix"]["image_share"], second["mix"]["image_share"]) == (0.9, 0.1)
    assert first["optimization"]["steps"] * 3 == second["optimization"]["steps"]
    assert first["optimization"]["steps"] * 4 == first["optimization"]["schedule_steps"]
    differ = {key for key, value in first["optimization"].items() if second["optimization"][key] != value}
    assert differ == {"steps"}
    assert {first["mix"]["text_dropout"], second["mix"]["text_dropout"]} == {0.1}


@every
def test_every_task_is_trained_as_often_as_any_other(values: dict[str, Any]) -> None:
    for phase in values["language_model"].values():
        assert phase["mix"]["tasks"] == dict.fromkeys(TASKS, 1.0)
        assert set(Mix(**phase["mix"]).weights("image")) | set(Mix(**phase["mix"]).weights("video")) == set(TASKS)
    assert len(TASKS) == 12


@every
def test_a_batch_of_the_study_of_tasks_is_1024_clips_or_5_times_as_many_pictures(values: dict[str, Any]) -> None:
    for phase in values["language_model"].values():
        assert phase["optimization"]["global_batch_tokens"] == 1_024 * 1_280 == 5 * 1_024 * 256


def test_the_study_of_tasks_trains_for_300_k_steps_at_a_rate_of_1e_3() -> None:
    phases = VALUES["paper_300m"]["language_model"].values()
    assert sum(phase["optimization"]["steps"] for phase in phases) == 300_000
    assert {phase["optimization"]["learning_rate"] for phase in phases} == {1e-3}


def test_the_largest_model_sees_2_t_tokens() -> None:
    phases = VALUES["paper_8b"]["language_model"].values()
    seen = sum(phase["optimization"]["steps"] * phase["optimization"]["global_batch_tokens"] for phase in phases)
    assert seen == pytest.approx(2e12, rel=0.02)


@every
def test_the_adaptations(values: dict[str, Any]) -> None:
    """{t2v, i2v} on a subset of high quality · {t2i, t2v} · {v2a}."""
    found = {name: set(one["mix"]["tasks"]) for name, one in values["adapt"].items()}
    assert found == {
        "t2v_i2v": {"text_to_video", "image_to_video"},
        "t2i_t2v": {"text_to_image", "text_to_video"},
        "v2a": {"video_to_audio"},
    }
    shares = {name: one["quality_share"] for name, one in values["adapt"].items()}
    assert shares.pop("t2v_i2v") < 1
    assert set(shares.values()) == {1.0}


@every
def test_super_resolution(values: dict[str, Any]) -> None:
    """Grids (5, 56, 32) and (5, 112, 64), windows, 10 % dropped, 64 M pairs."""
    first, second = values["super_resolution"]["stage1"], values["super_resolution"]["stage2"]
    assert first["windows"] == {"vertical": [1, 56, 4], "horizontal": [1, 8, 32], "temporal": [5, 8, 8]}
    assert second["windows"] == {"vertical": [1, 112, 2], "horizontal": [1, 4, 64], "temporal": [5, 8, 8]}
    assert first["condition_dropout"] == second["condition_dropout"] == 0.1
    portrait = Formats(**values["formats"]).clip_portrait
    grids = {2: ((17, 448, 256), (5, 56, 32), 8_960), 4: ((17, 896, 512), (5, 112, 64), 35_840)}
    for factor, (clip, grid, tokens) in grids.items():
        large = portrait.scaled(factor)
        assert (large.frames, large.height_px, large.width_px) == clip
        assert latent(values, *clip) == grid
        assert math.prod(grid) == tokens
    pairs = values["pretokenize"]["pairs"]
    assert (pairs["orientation"], pairs["stage1_clips"], pairs["stage2_clips"]) == ("portrait", 64_000_000, 64_000_000)


@pytest.mark.parametrize(("stage", "grid", "parameters"), [("stage1", (5, 56, 32), 1e9), ("stage2", (5, 112, 64), 5e8)])
def test_the_sizes_of_super_resolution(stage: str, grid: tuple[int, int, int], parameters: float) -> None:
    """1 B and 500 M."""
    config: Config = params.build("super_resolution", f"super_resolution.{stage}", VALUES["paper_8b"])
    shape = (
        config.windows,
        config.width,
        config.heads,
        config.feed_forward_width,
        config.blocks,
        config.subpixel_conditioning,
    )
    with torch.device("meta"):
        network = model.Model(model.Architecture(18, 2048, grid, *shape))
    assert sum(weight.numel() for weight in network.parameters()) == pytest.approx(parameters, rel=0.1)


@every
def test_the_sampling_of_super_resolution(values: dict[str, Any]) -> None:
    """24 steps; guidance of text 4 and 8, of the small clip 1 and 2."""
    first, second = values["generate"]["stage1"], values["generate"]["stage2"]
    assert (first["steps"], first["text_guidance"], first["lr_guidance"]) == (24, 4.0, 1.0)
    assert (second["steps"], second["text_guidance"], second["lr_guidance"]) == (24, 8.0, 2.0)


@every
def test_the_evaluation(values: dict[str, Any]) -> None:
    """40 960 captions; 50 000 predictions from 5 frames; 50 000 in- and outpaintings of the middle; 2 048 at a time."""
    samples, generate = values["generate"]["samples"]["tasks"], values["generate"]
    assert (samples["text_to_video"], samples["frame_prediction"], generate["given_frames"]) == (40_960, 50_000, 5)
    assert (samples["inpainting"], samples["outpainting"]) == (50_000, 50_000)
    assert (generate["inpainted"], generate["outpainted"]) == ("inpaint_center", "outpaint_center")
    assert values["evaluate"]["heldout_clips"] == 2_048
