from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from components.common import artifacts
from components.common.formats import Format
from components.filter import data
from components.filter.data import Clips
from components.media.arrays import Pixels
from components.visual_tokenizer import evaluation
from components.visual_tokenizer.config import Config
from components.visual_tokenizer.model import Model


@pytest.fixture
def model(config: Config, random_model: Callable[..., Model]) -> Model:
    return random_model(config.architecture).float()


@pytest.fixture
def of_two_folders(kept_clips: Path, tmp_path: Path) -> Clips:
    """The made clips, every second one from a folder of the user's."""
    made = Clips(kept_clips)
    with artifacts.fresh(tmp_path / "clips") as folder:
        rows = [made.row(index) for index in range(len(made))]
        moved = [replace(row, clip=replace(row.clip, root="mine" if i % 2 else "")) for i, row in enumerate(rows)]
        data.write(folder, moved)
        artifacts.describe(folder, "kept clips", inputs={}, counts={}, facts=data.facts(made.formats))
    return Clips(tmp_path / "clips")


def test_every_size_has_its_figure_and_trivial_answers_beside_it(config: Config, model: Model, kept_clips: Path):
    figures = evaluation.measure(config, model, Clips(kept_clips, split="heldout"), Clips(kept_clips, split="train"))
    for size in ("clip", "clip_portrait", "clip_x2", "clip_x4"):
        assert {f"psnr_db_{size}", f"mean_frame_psnr_db_{size}", f"mean_color_psnr_db_{size}"} <= figures.keys()
    assert not any("_of_" in name for name in figures)


def test_clips_of_several_folders_have_figures_of_their_own(config: Config, model: Model, of_two_folders: Clips):
    figures = evaluation.measure(replace(config, evaluation_clips=8), model, of_two_folders, of_two_folders)
    assert {"psnr_db_clip", "psnr_db_clip_of_mine", "psnr_db_clip_of_rendered"} <= figures.keys()
    one, other, both = (figures[f"mean_color_psnr_db_clip{end}"] for end in ("_of_mine", "_of_rendered", ""))
    assert min(one, other) < both < max(one, other)


def test_the_mean_frame_is_of_other_clips_than_those_measured(config: Config, model: Model, kept_clips: Path):
    heldout, train = (Clips(kept_clips, split=split) for split in ("heldout", "train"))
    fair, told = (evaluation.measure(config, model, heldout, known) for known in (train, heldout))
    assert told["mean_frame_psnr_db_clip"] > fair["mean_frame_psnr_db_clip"]
    assert told["mean_color_psnr_db_clip"] == fair["mean_color_psnr_db_clip"]


def test_the_sheet_shows_clips_of_every_folder(config: Config, model: Model, of_two_folders: Clips, monkeypatch):
    seen: list[str] = []
    pixels = of_two_folders.pixels

    def noted(index: int, form: Format) -> Pixels:
        seen.append(of_two_folders[index].root)
        return pixels(index, form)

    monkeypatch.setattr(of_two_folders, "pixels", noted)
    evaluation.sheet(config, model, of_two_folders)
    assert set(seen) == {"", "mine"}
