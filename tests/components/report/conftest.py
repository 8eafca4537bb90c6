"""Made-up artifacts of a whole run: squares that glide, with a tone that rises as they go."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.common import artifacts
from components.common.formats import Formats
from components.filter import data as clips
from components.generate.data import Sample, write_table
from components.language_model.tasks import TASKS
from components.media import audio, images, video
from components.media.arrays import Pixels
from components.report.config import Config
from components.report.model_folders import TITLES, ModelFolders

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
TEXT_TO_VIDEO, INPAINTING = (
    next(task.name for task in TASKS.values() if rule(task))
    for rule in (
        lambda task: task.text and task.media == "video" and task.frames == "none" and not task.structure,
        lambda task: task.masked == "inpaint",
    )
)
COLORS = {"red": (214, 69, 65), "green": (63, 168, 104), "blue": (70, 110, 214), "yellow": (232, 190, 70)}
GRAPH = """
stages:
  corpus: # clips from nothing
    cmd: python -m components corpus --output data/corpus
    outs: [data/corpus]
  data_card:
    cmd: python -m components data_card --clips data/corpus --output data/card
    deps: [data/corpus]
    outs: [data/card]
  evaluate:
    cmd: python -m components evaluate --samples data/samples --output metrics
    deps: [data/samples]
    outs: [metrics]
  generate:
    cmd: python -m components generate --clips data/corpus --output data/samples
    deps: [data/corpus]
    outs: [data/samples]
  report:
    cmd: python -m components report --samples data/samples --metrics metrics --output report
    deps: [data/samples, data/corpus, metrics]
    outs: [report]
"""


def frames(color: str, *, scale: int = 1, height_px: int = 32) -> Pixels:
    """A square that glides to the right."""
    pixels = np.full((17, height_px * scale, 32 * scale, 3), 236, np.uint8)
    for number, frame in enumerate(pixels):
        frame[10 * scale : 22 * scale, number * scale : (number + 12) * scale] = COLORS[color]
    return pixels


def tone() -> clips.Samples:
    """A tone that rises."""
    pitch_hz = np.linspace(200, 600, FORMATS.samples(17))
    return (0.3 * np.sin(2 * np.pi * np.cumsum(pitch_hz) / FORMATS.sample_rate_hz)).astype(np.float32)


def media(color: str, *, scale: int = 1, sound: bool = True, height_px: int = 32) -> bytes:
    """The square as an MP4 file."""
    pixels = frames(color, scale=scale, height_px=height_px)
    return video.encode_mp4(
        pixels, fps=FORMATS.fps, audio_S=tone() if sound else None, sample_rate_hz=FORMATS.sample_rate_hz
    )


def write(folder: Path, fill: Callable[[Path], object], **manifest: Any) -> Path:
    """Write an artifact that `fill` puts files into."""
    with artifacts.fresh(folder) as fresh:
        fill(fresh)
        artifacts.describe(fresh, folder.name, **({"inputs": {}, "counts": {}} | manifest))
    return folder


def write_files(folder: Path, files: Mapping[str, bytes], **manifest: Any) -> Path:
    """Write an artifact of these files."""

    def fill(fresh: Path) -> None:
        for name, content in files.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / name).write_bytes(content)

    return write(folder, fill, **manifest)


def write_clips(folder: Path, **manifest: Any) -> Path:
    """Write two kept clips: c0 cannot be heard, c1 can."""

    def rows() -> list[clips.EncodedClip]:
        found = []
        for name, color, heard in (("c0", "red", False), ("c1", "green", True)):
            known = {
                "clip_id": name,
                "source_sha256": "",
                "kind": "video",
                "split": "heldout",
                "caption": f"a {color} square",
                "license": "",
                "root": "",
                "frames": 17,
                "orientation": "square",
                "start_s": 0.0,
                "end_s": 2.125,
                "height_px": 128,
                "width_px": 128,
                "audio_state": "audible" if heard else "none",
                "motion": 0.1,
                "attributes": {"color": color},
            }
            sound = audio.encode_flac(tone(), sample_rate_hz=FORMATS.sample_rate_hz) if heard else b""
            found.append(clips.EncodedClip(clips.Clip(**known), media(color, scale=4, sound=False), sound))
        return found

    return write(folder, lambda fresh: clips.write(fresh, rows()), facts=clips.facts(FORMATS), **manifest)


def write_samples(folder: Path, rows: list[Sample], files: Mapping[str, bytes]) -> Path:
    """Write a folder of samples."""

    def fill(fresh: Path) -> None:
        (fresh / "media").mkdir()
        for name, content in files.items():
            (fresh / name).write_bytes(content)
        write_table(fresh, rows)

    return write(folder, fill)


def score(name: str, task: str, value: float, **others: Any) -> dict[str, Any]:
    """A record of scores.json."""
    plain = dict.fromkeys(
        ("low", "high", "chance", "baseline", "baseline_name", "reconstruction_ceiling", "real_ceiling")
    )
    return plain | {"name": name, "task": task, "value": value, "n": 96, "unit": "", "better": "higher"} | others


def sample(name: str, task: str, prompt: str, seed: int, **others: Any) -> Sample:
    """One row of samples.parquet, whose file is media/<name>.mp4."""
    plain = {"format": "clip", "clip_id": "", "stage": "base", "unseen": False, "attributes": {}}
    plain |= {"given_frames": 0, "region": "", "path": f"media/{name}.mp4"}
    return Sample(**{"sample_id": name, "task": task, "prompt": prompt, "seed": seed} | plain | others)


def samples() -> list[Sample]:
    """Text-to-video, one of them also enlarged, and inpainting of a real clip."""
    rows = [sample(f"t{i}", TEXT_TO_VIDEO, f"a {name} square", i, unseen=i == 0) for i, name in enumerate(COLORS)]
    rows.append(sample("t0-x4", TEXT_TO_VIDEO, "a red square", 0, stage="super_resolution"))
    rows.append(sample("p0", INPAINTING, "", 7, clip_id="c1", region="inpaint_center"))
    return rows


@pytest.fixture(scope="session")
def run_of_everything(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The stage's inputs by name."""
    root = tmp_path_factory.mktemp("run")
    (root / "dvc.yaml").write_text(GRAPH)
    plain = {"metrics.json": b'{"psnr_db": 22.5}', "losses.csv": b"step,accuracy,loss\n1,,2.5\n2,0.5,1.5\n3,0.75,1\n"}
    picture = {"reconstructions.png": images.encode_png(np.zeros((8, 24, 3), np.uint8))}
    models = {name: write_files(root / name, plain | (picture if "visual" in name else {})) for name in TITLES}
    models["text_encoder"] = write_files(root / "text_encoder", {"metrics.json": b"{}", "losses.csv": b"step\n"})
    scores = [
        score("accuracy_color[local-judge]", TEXT_TO_VIDEO, 0.9, low=0.85, high=0.94, chance=1 / 6, unit="share"),
        score("frechet_distance[local-judge]", TEXT_TO_VIDEO, 12.0, baseline=60.0, better="lower"),
    ]
    answers = b"sample_id,attribute,wanted,answered\nt0,color,red,red\nt0,motion,left,right\n"
    files = {f"media/t{number}.mp4": media(color) for number, color in enumerate(COLORS)}
    files |= {"media/t0-x4.mp4": media("red", scale=4), "media/p0.mp4": media("blue", sound=False)}
    metrics = {"scores.json": json.dumps(scores).encode(), "answers.csv": answers}
    return {
        "models": ModelFolders(**models),
        "graph": root / "dvc.yaml",
        "ingested": write_files(
            root / "clips", {}, counts={"arrived": 100, "kept": 90, "clips": 95}, dropped={"undecodable": 10}
        ),
        "clips": write_clips(root / "filtered", counts={"arrived": 95, "kept": 85}, dropped={"too_still": 10}),
        "metrics": write_files(root / "metrics", metrics),
        "samples": write_samples(root / "samples", samples(), files),
    }


@pytest.fixture(scope="session")
def config() -> Config:
    """A page of few cards."""
    return Config(formats=FORMATS, threads=1, samples_per_task=3, shown_px=160)
