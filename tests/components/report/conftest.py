"""Made-up artefacts of a whole run: squares that glide, with a tone that glides with them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.common import artifacts
from components.common.formats import Formats
from components.generate.data import Sample, write_table
from components.media import images, video
from components.report.config import Config
from components.report.page import TITLES

FORMATS = Formats(
    fps=8,
    clip_frames=17,
    long_frames=41,
    height_px=32,
    width_px=32,
    portrait_height_px=56,
    portrait_width_px=32,
    sample_rate_hz=8000,
    text_tokens=16,
)
COLOURS = {"red": (214, 69, 65), "green": (63, 168, 104), "blue": (70, 110, 214), "yellow": (232, 190, 70)}
GRAPH = """
stages:
  corpus: # clips from nothing
    cmd: python -m components corpus --output data/corpus
    outs: [data/corpus]
  generate:
    cmd: python -m components generate --clips data/corpus --output data/samples
    deps: [data/corpus]
    outs: [data/samples]
  report:
    cmd: python -m components report --samples data/samples --output report
    deps: [data/samples, data/corpus]
    outs: [report]
"""


def clip(colour: str, *, scale: int = 1, sound: bool = True, height_px: int = 32) -> bytes:
    """An MP4 file of a square that glides to the right."""
    frames = np.full((17, height_px * scale, 32 * scale, 3), 236, np.uint8)
    for number, frame in enumerate(frames):
        frame[10 * scale : 22 * scale, number * scale : (number + 12) * scale] = COLOURS[colour]
    pitch_hz = np.linspace(200, 600, FORMATS.samples(17))
    wave = 0.3 * np.sin(2 * np.pi * np.cumsum(pitch_hz) / FORMATS.sample_rate_hz)
    audio = wave.astype(np.float32) if sound else None
    return video.encode_mp4(frames, fps=FORMATS.fps, audio_S=audio, sample_rate_hz=FORMATS.sample_rate_hz)


def write_artefact(folder: Path, files: Mapping[str, bytes], **manifest: Any) -> Path:
    """Write a folder with a manifest."""
    with artifacts.fresh(folder) as fresh:
        for name, content in files.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / name).write_bytes(content)
        artifacts.describe(fresh, folder.name, inputs={}, **({"counts": {}} | manifest))
    return folder


def write_samples(folder: Path, rows: list[Sample], media: Mapping[str, bytes]) -> Path:
    """Write a folder of samples."""
    with artifacts.fresh(folder) as fresh:
        (fresh / "media").mkdir()
        for name, content in media.items():
            (fresh / name).write_bytes(content)
        write_table(fresh, rows)
        artifacts.describe(fresh, "samples", inputs={}, counts={})
    return folder


def score(name: str, task: str, value: float, **others: Any) -> dict[str, Any]:
    """A record of scores.json."""
    plain = dict.fromkeys(
        ("low", "high", "chance", "baseline", "baseline_name", "reconstruction_ceiling", "real_ceiling")
    )
    return plain | {"name": name, "task": task, "value": value, "n": 96, "unit": "", "better": "higher"} | others


def sample(name: str, task: str, prompt: str, seed: int, **others: Any) -> Sample:
    """One row of samples.parquet, whose media are `media/<name>.mp4`."""
    plain = {"format": "clip", "clip_id": "", "stage": "base", "unseen": False, "attributes": {}}
    plain |= {"given_frames": 0, "region": "", "path": f"media/{name}.mp4"}
    return Sample(**{"sample_id": name, "task": task, "prompt": prompt, "seed": seed} | plain | others)


def samples() -> list[Sample]:
    """Text-to-video, one of them also super-resolved, and inpainting of a real clip."""
    rows = [
        sample(f"t{i}", "text_to_video", f"a {name} square glides", i, unseen=i == 0) for i, name in enumerate(COLOURS)
    ]
    rows.append(sample("s0", "text_to_video", "a red square", 0, stage="super_resolution"))
    rows.append(sample("p0", "inpainting", "", 7, clip_id="c1", region="inpaint_centre"))
    return rows


@pytest.fixture(scope="session")
def run_of_everything(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The stage's inputs by name."""
    root = tmp_path_factory.mktemp("run")
    (root / "dvc.yaml").write_text(GRAPH)
    losses = "step,accuracy,loss\n1,,2.5\n2,0.5,1.5\n3,0.75,1\n"
    picture = images.encode_png(np.zeros((8, 24, 3), np.uint8))
    plain = {"metrics.json": b'{"psnr_db": 22.5}', "losses.csv": losses.encode()}
    models = {
        name: write_artefact(root / name, plain | ({"reconstructions.png": picture} if "visual" in name else {}))
        for name in TITLES
    }
    (root / "text_encoder").joinpath("losses.csv").unlink()
    scores = [
        score("colour accuracy", "text_to_video", 0.9, low=0.85, high=0.94, chance=1 / 6, unit="share"),
        score("frechet_distance[local-judge]", "text_to_video", 12.0, baseline=60.0, better="lower"),
    ]
    media = {f"media/t{number}.mp4": clip(colour) for number, colour in enumerate(COLOURS)}
    media |= {"media/s0.mp4": clip("red", scale=4), "media/p0.mp4": clip("blue", sound=False)}
    return models | {
        "graph": root / "dvc.yaml",
        "ingested": write_artefact(root / "clips", {}, counts={"clips": 90}, dropped={"undecodable": 10}),
        "clips": write_artefact(root / "filtered", {}, counts={"clips": 80, "heldout": 9}, dropped={"too_still": 10}),
        "metrics": write_artefact(root / "metrics", {"scores.json": json.dumps(scores).encode()}),
        "samples": write_samples(root / "samples", samples(), media),
    }


@pytest.fixture
def config() -> Config:
    """A page of few cards."""
    return Config(formats=FORMATS, threads=1, samples_per_task=3, shown_px=160)
