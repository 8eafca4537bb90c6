from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from components.common import artifacts, runtime
from components.common.errors import Stopped
from components.filter.data import Clips
from components.generate import batches, data, stage
from components.generate.config import Config
from components.generate.model_paths import ModelPaths
from components.language_model.tasks import SUPER_RESOLUTION, TASKS
from components.media import images, video

Run = Callable[..., Path]


@pytest.fixture(scope="module")
def run(
    config: Config,
    models: dict[str, Path],
    kept_clips: Path,
    structure: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    root = tmp_path_factory.mktemp("samples")

    def run(name: str, config: Config = config) -> Path:
        with runtime.use(runtime.Runtime(scratch=root / f"{name}-scratch", cache=root / "cache")):
            stage.run(config, clips=kept_clips, structure=structure, models=ModelPaths(**models), output=root / name)
        return root / name

    return run


@pytest.fixture(scope="module")
def samples(run: Run) -> Path:
    return run("samples")


def _by_id(folder: Path) -> dict[str, data.Sample]:
    return {sample.sample_id: sample for sample in data.read_table(folder)}


def test_every_task_has_its_samples(samples: Path, config: Config):
    tasks = {sample.task for sample in data.read_table(samples)}
    assert tasks == {*TASKS, SUPER_RESOLUTION}
    bases = [sample for sample in data.read_table(samples) if sample.stage == "base"]
    assert len([one for one in bases if (one.task, one.format) == ("text_to_video", "clip")]) == 3 + 1


def test_every_file_is_there_and_of_its_size(samples: Path, config: Config):
    formats = {fmt.name: fmt for fmt in config.formats.all()}
    for sample in data.read_table(samples):
        fmt, path = formats[sample.format], samples / sample.path
        assert path.with_suffix(".json").is_file()
        scale = int(sample.sample_id[-1]) if sample.stage == "super_resolution" else 1
        size = (fmt.height_px * scale, fmt.width_px * scale)
        if fmt.frames == 1:
            assert images.read(path).shape[:2] == size
        else:
            assert video.decode(path, fps=8, frames=fmt.frames).shape[1:3] == size


def test_what_is_made_from_text_can_be_heard(samples: Path):
    for sample in data.read_table(samples):
        with_audio = sample.task in ("text_to_video", "audio_to_video", "video_to_audio", "audio_video_continuation")
        if sample.path.endswith(".mp4"):
            assert video.probe(samples / sample.path).has_audio == with_audio, sample.sample_id


def test_real_clips_are_enlarged_twice(samples: Path):
    found = [sample for sample in data.read_table(samples) if sample.task == "super_resolution"]
    assert [sample.sample_id[-3:] for sample in found] == ["000", "-x2", "-x4"]
    assert [sample.stage for sample in found] == ["base", "super_resolution", "super_resolution"]
    assert len({sample.clip_id for sample in found}) == 1


def test_a_sample_says_what_it_was_given(samples: Path, kept_clips: Path):
    found = _by_id(samples)
    held_out = {clip.clip_id for clip in Clips(kept_clips, "heldout")}
    assert found["inpainting-clip-0000"].region == "inpaint_center"
    assert found["frame_prediction-clip-0000"].given_frames == 5
    assert found["image_to_video-clip-0000"].given_frames == 1
    assert found["image_to_video-clip-0000"].clip_id in held_out
    assert found["text_to_video-clip-0003"].prompt == "something of my own"
    assert found["unconditioned_video-clip-0000"].clip_id == ""


def test_a_stopped_run_goes_on_to_the_same_bytes(run: Run, samples: Path, monkeypatch: pytest.MonkeyPatch):
    write, written = data.write, []

    def write_until_stopped(folder: Path, sample: data.Sample, media: bytes) -> None:
        written.append(sample.sample_id)
        if len(written) == 12:
            raise Stopped("stopped")
        write(folder, sample, media)

    monkeypatch.setattr(batches.data, "write", write_until_stopped)
    with pytest.raises(Stopped):
        run("stopped")
    monkeypatch.undo()
    assert artifacts.digest(run("stopped")) == artifacts.digest(samples)


def test_formats_that_were_never_trained_are_counted_not_made(run: Run, config: Config, monkeypatch):
    monkeypatch.setattr(stage.Generator, "supports", lambda generator, task, fmt: fmt.name == "image")
    few = replace(config, samples=replace(config.samples, super_resolution=0))
    manifest = artifacts.read_manifest(run("few", few))
    assert manifest.counts == {"text_to_image": 1, "unconditioned_image": 1}
    assert manifest.dropped["format_not_trained"] > 5
