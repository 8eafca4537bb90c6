import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from components.audio_tokenizer import data as audio_tokenizer
from components.common import artifacts, runtime
from components.common.errors import DataError, Stopped
from components.common.formats import Formats
from components.embed_text.data import Embeddings
from components.estimate_structure.data import Structures
from components.filter.data import Clips, draw_weights, write_weights
from components.pretokenize import ops, part, regions, stage
from components.pretokenize.config import Config
from components.pretokenize.data import Tokens
from components.pretokenize.encoding import Encoders
from components.visual_tokenizer import data as visual_tokenizer

Run = Callable[..., Path]


@pytest.fixture(scope="module")
def tokens(config: Config, inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    """The shards of the made-up clips, made once."""
    root = tmp_path_factory.mktemp("tokens")
    with runtime.use(runtime.Runtime(scratch=root / "scratch", cache=root / "cache")):
        stage.run(config, **inputs, output=root / "tokens")
    return Tokens(root / "tokens")


@pytest.fixture
def run(config: Config, inputs: dict[str, Path], tmp_path: Path) -> Run:
    """Run the stage; runs of one test share a cache."""

    def run(name: str, config: Config = config, **changed: Path) -> Path:
        with runtime.use(runtime.Runtime(scratch=tmp_path / f"{name}-scratch", cache=tmp_path / "cache")):
            stage.run(config, **inputs | changed, output=tmp_path / name)
        return tmp_path / name

    return run


def test_every_clip_is_in_the_groups_that_it_fits(tokens: Tokens, inputs: dict[str, Path]):
    clips = Clips(inputs["clips"])
    kinds = [(clip.frames, clip.orientation) for clip in clips]
    assert tokens.formats() == ["image", "clip", "clip_portrait", "long"]
    assert len(tokens.group("image")) == kinds.count((1, "square"))
    assert len(tokens.group("clip")) == kinds.count((17, "square")) + kinds.count((41, "square"))
    assert len(tokens.group("clip_portrait")) == kinds.count((17, "portrait"))
    assert len(tokens.group("long")) == kinds.count((41, "square"))
    for name in tokens.formats():
        assert tokens.group(name).clip_id == sorted(tokens.group(name).clip_id)


def test_rows_and_pairs_carry_the_weights_of_their_clips(run: Run, inputs: dict[str, Path], tmp_path: Path):
    folder = shutil.copytree(inputs["clips"], tmp_path / "filtered")
    training = Clips(folder, "train").table["clip_id"].to_pylist()
    write_weights(folder, training, np.linspace(0.5, 1.5, len(training), dtype=np.float32))
    weights = dict(zip(Clips(folder).table["clip_id"].to_pylist(), draw_weights(Clips(folder)), strict=True))
    tokens = Tokens(run("weighted", clips=folder))
    for rows in (*map(tokens.group, tokens.formats()), tokens.pairs("stage1")):
        assert rows.weight.tolist() == [weights[clip_id] for clip_id in rows.clip_id]
    assert len(set(tokens.group("clip").weight)) > 3
    assert all(Tokens(run("alike")).group("clip").weight == 1)


def test_rows_hold_what_the_tokenizers_say(tokens: Tokens, inputs: dict[str, Path], formats: Formats):
    group, clips = tokens.group("clip"), Clips(inputs["clips"])
    visual, audio = visual_tokenizer.load(inputs["visual_tokenizer"]), audio_tokenizer.load(inputs["audio_tokenizer"])
    structures, embeddings = Structures(inputs["structure"]), Embeddings(inputs["text"])
    for n, clip_id in enumerate(group.clip_id):
        row = [clip.clip_id for clip in clips].index(clip_id)
        clip = clips[row]
        pixels = clips.pixels(row, formats.clip)
        masked = regions.condition(pixels, "inpaint_center")
        _agree(group.visual[n], ops.visual_codes(visual, pixels[None], "float32")[0])
        _agree(group.conditions["inpaint_center"][n], ops.visual_codes(visual, masked[None], "float32")[0])
        _agree(group.structure[n], ops.visual_codes(visual, np.stack([structures.pixels(clip_id)]), "float32")[0])
        _agree(group.audio[n], ops.audio_codes(audio, clips.samples(row, 17)[None])[0])
        assert (group.split[n], group.caption[n], group.audio_state[n]) == (clip.split, clip.caption, clip.audio_state)
        vectors = embeddings.lookup(clip.caption)
        assert group.text_length[n] == len(vectors)
        np.testing.assert_array_equal(group.text[n, : len(vectors)], vectors)
        assert not group.text[n, len(vectors) :].any()


def test_a_picture_has_no_sound_and_a_long_clip_no_structure(tokens: Tokens):
    assert tokens.group("image").audio is None
    assert tokens.group("image").visual.shape[1:] == (1, 4, 4)
    assert tokens.group("long").structure is None
    assert tokens.group("long").conditions == {}
    assert tokens.group("long").audio is not None


def test_pairs_are_the_truth_and_its_bicubic_half(tokens: Tokens, inputs: dict[str, Path], config: Config):
    pairs, clips = tokens.pairs("stage1"), Clips(inputs["clips"])
    model = visual_tokenizer.load(inputs["visual_tokenizer"])
    assert pairs.split == ["train"] * 3 + ["heldout"]
    row = [clip.clip_id for clip in clips].index(pairs.clip_id[0])
    truth = clips.pixels(row, config.hr_format("stage1"))[None]
    _agree(pairs.hr[0], ops.visual_codes(model, truth, "float32")[0])
    _agree(pairs.lr[0], ops.visual_codes(model, ops.halved(truth), "float32")[0])
    assert pairs.hr.shape[1:] == (5, 8, 8)
    assert tokens.pairs("stage2").hr.shape[1:] == (5, 16, 16)


def test_facts_say_how_to_read_the_codes(tokens: Tokens, inputs: dict[str, Path]):
    facts = tokens.facts
    assert (facts["codebook_bits"], facts["levels"], facts["codebook_size"]) == (9, 2, 16)
    assert facts["latent"]["clip"] == [5, 4, 4]
    assert facts["visual_tokenizer"] == artifacts.digest(inputs["visual_tokenizer"])


def test_a_stopped_run_goes_on_to_the_same_bytes(
    run: Run, tokens: Tokens, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    calls, visual = [], Encoders.visual

    def visual_until_stopped(encoders: Encoders, frames):
        calls.append(len(frames))
        if len(calls) == 9:
            raise Stopped("stopped")
        return visual(encoders, frames)

    monkeypatch.setattr(Encoders, "visual", visual_until_stopped)
    with pytest.raises(Stopped):
        run("stopped")
    assert not (tmp_path / "stopped").exists()
    monkeypatch.undo()
    whole = artifacts.digest(tokens.folder)
    assert artifacts.digest(run("stopped")) == whole
    monkeypatch.setattr(ops, "visual_codes", None)  # what was encoded once is in the cache
    monkeypatch.setattr(ops, "audio_codes", None)
    assert artifacts.digest(run("again")) == whole


def test_parts_that_share_a_cache_leave_nothing_to_encode(
    run: Run,
    config: Config,
    inputs: dict[str, Path],
    tokens: Tokens,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    shared = runtime.Runtime(scratch=tmp_path / "part", cache=tmp_path / "cache")
    folder, files = tmp_path / "cache/pretokenize", list[int]()
    with runtime.use(shared):
        for number in range(3):
            part.run(config, **inputs, part=number, parts=3)
            files.append(len(list(folder.glob("*/*"))))
    assert 0 < files[0] < files[1] < files[2]
    monkeypatch.setattr(ops, "visual_codes", None)
    monkeypatch.setattr(ops, "audio_codes", None)
    assert artifacts.digest(run("whole")) == artifacts.digest(tokens.folder)


def test_a_clip_without_structure_is_named(run: Run, inputs: dict[str, Path], tmp_path: Path):
    with artifacts.fresh(tmp_path / "none") as folder:
        artifacts.describe(folder, "structure", inputs={}, counts={})
    with pytest.raises(DataError, match="has no flow and depth"):
        run("tokens", structure=tmp_path / "none")


def test_upright_pairs_are_made_of_upright_clips(run: Run, config: Config):
    upright = replace(config, pairs=replace(config.pairs, orientation="portrait"))
    pairs = Tokens(run("upright", upright)).pairs("stage1")
    assert pairs.hr.shape[1:] == (5, 14, 8)


def test_no_pairs_are_made_where_none_are_asked_for(run: Run, config: Config, tokens: Tokens):
    folder = run("without", replace(config, pairs=replace(config.pairs, stage1_clips=0, stage2_clips=0)))
    assert Tokens(folder).formats() == tokens.formats()
    assert not list(folder.glob("pairs_*"))


def _agree(stored: np.ndarray, expected: np.ndarray) -> None:
    """A batch may round otherwise than a clip alone, and then a bit at a sign's border may flip."""
    assert (stored == expected).mean() > 0.98
