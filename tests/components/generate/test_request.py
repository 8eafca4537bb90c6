from pathlib import Path

import numpy as np
import pytest

from components.generate import request
from components.generate.config import Config
from components.generate.model_paths import ModelPaths
from components.language_model.tasks import TASKS
from components.media import images, video

FILES = {
    "text-to-image": {"prompt": "a red square"},
    "text-to-video": {"prompt": "a red square moves left"},
    "image-to-video": {"image": "picture.png", "prompt": "a red square moves left"},
    "frame-prediction": {"video": "clip.mp4"},
    "inpainting": {"video": "clip.mp4", "mask": "mask.png"},
    "outpainting": {"video": "clip.mp4"},
    "stylization": {"video": "clip.mp4", "prompt": "a blue square"},
    "audio-to-video": {"audio": "clip.mp4"},
    "video-to-audio": {"video": "clip.mp4"},
    "audio-video-continuation": {"image": "clip.mp4", "audio": "clip.mp4"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's files: a clip with audio, an image, a mask."""
    folder = tmp_path_factory.mktemp("files")
    draw = np.random.default_rng(0)
    frames = draw.integers(0, 255, (20, 48, 64, 3), np.uint8)
    wave = np.sin(np.arange(22000) / 8).astype(np.float32)
    (folder / "clip.mp4").write_bytes(video.encode_mp4(frames, fps=8, audio_S=wave, sample_rate_hz=8000))
    (folder / "silent.mp4").write_bytes(video.encode_mp4(frames, fps=8))
    (folder / "short.mp4").write_bytes(video.encode_mp4(frames[:9], fps=8))
    (folder / "picture.png").write_bytes(images.encode_png(frames[0]))
    mask = np.zeros((48, 64, 3), np.uint8)
    mask[12:30, 20:40] = 255
    (folder / "mask.png").write_bytes(images.encode_png(mask))
    return folder


@pytest.fixture
def ask(config: Config, models: dict[str, Path], structure: Path, folder: Path):
    def ask(task: str, output: Path, **given: object) -> None:
        files = {name: folder / str(value) if "." in str(value) else value for name, value in given.items()}
        request.run(config, models=ModelPaths(**models), task=task, output=output, structure=structure, **files)

    return ask


@pytest.mark.parametrize("task", sorted(task.option for task in TASKS.values()))
def test_every_task_makes_a_file_from_files(task: str, ask, tmp_path: Path):
    output = tmp_path / ("made.png" if "image" in task.split("-")[-1] else "made.mp4")
    ask(task, output, **FILES.get(task, {}))
    if output.suffix == ".png":
        assert images.read(output).shape == (32, 32, 3)
    else:
        assert video.decode(output, fps=8, frames=17).shape == (17, 32, 32, 3)
        assert video.probe(output).has_audio == ("audio" in task or task == "text-to-video")


def test_a_seed_makes_the_same_file_again(ask, tmp_path: Path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        ask("text-to-video", tmp_path / f"{name}.mp4", prompt="a red square moves left", seed=seed)
    first, again, other = ((tmp_path / f"{name}.mp4").read_bytes() for name in "abc")
    assert first == again
    assert first != other


def test_format_and_scale_are_chosen(ask, tmp_path: Path):
    ask("text-to-video", tmp_path / "a.mp4", prompt="a red square", orientation="portrait")
    assert video.decode(tmp_path / "a.mp4", fps=8, frames=17).shape[1:3] == (56, 32)
    ask("text-to-video", tmp_path / "b.mp4", prompt="a red square", long=True)
    assert video.decode(tmp_path / "b.mp4", fps=8, frames=41).shape[1:3] == (32, 32)
    ask("text-to-video", tmp_path / "c.mp4", prompt="a red square", scale=4)
    assert video.decode(tmp_path / "c.mp4", fps=8, frames=17).shape[1:3] == (128, 128)


@pytest.mark.parametrize(
    ("task", "given", "message"),
    [
        ("text-to-song", {}, "no task text-to-song: choose one of audio-to-video"),
        ("text-to-video", {}, "text-to-video needs --prompt"),
        ("stylization", {}, "stylization needs --video and --prompt"),
        ("text-to-video", {"prompt": "x", "image": "picture.png"}, "text-to-video takes no --image"),
        ("image-to-video", {"image": "none.png"}, "there is no file"),
        ("image-to-video", {"image": "mask.txt"}, "there is no file"),
        ("frame-prediction", {"video": "picture.png"}, "gives no clip of 5 frames"),
        ("video-to-audio", {"video": "short.mp4"}, "gives no clip of 17 frames"),
        ("audio-to-video", {"audio": "silent.mp4"}, "has no audio"),
        (
            "text-to-video",
            {"prompt": "x", "long": True, "orientation": "portrait"},
            "was trained without long_portrait",
        ),
        ("text-to-video", {"prompt": "x", "long": True, "scale": 2}, "trained to upsample clip, not long"),
    ],
)
def test_what_is_missing_or_too_much_is_named(task: str, given: dict[str, object], message: str, ask, tmp_path: Path):
    with pytest.raises(ValueError, match=message):
        ask(task, tmp_path / "made.mp4", **given)


def test_the_kind_of_file_must_fit(ask, tmp_path: Path):
    with pytest.raises(ValueError, match=r"text-to-image makes a \.png file, not made\.mp4"):
        ask("text-to-image", tmp_path / "made.mp4", prompt="x")
