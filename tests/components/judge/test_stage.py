import dataclasses
import json

import numpy as np
import pytest
import torch

from components.common.artifacts import read_manifest
from components.filter.data import Clips, with_split
from components.judge import data, stage


@pytest.fixture
def judged(config, clips, tmp_path):
    stage.run(config, clips=clips, output=tmp_path / "judge")
    return tmp_path / "judge"


def test_it_learns_and_says_how_well(judged, clips, config):
    metrics = json.loads((judged / "metrics.json").read_text())
    assert metrics["accuracy_color"] >= 0.9
    assert metrics["accuracy_motion"] >= 0.9
    assert metrics["accuracy_color_chance"] == 0.5
    assert metrics["accuracy_motion_n"] == 16
    assert metrics["retrieval_n"] == 16
    assert metrics["retrieval_video_to_text"] > 2 * metrics["retrieval_chance"]
    kept = Clips(clips, "heldout")
    shown = [i for i, clip in enumerate(kept) if clip.kind == "video" and clip.orientation == "square"]
    frames = torch.from_numpy(np.stack([kept.pixels(i, config.formats.clip) for i in shown]))
    named = data.load(judged).attributes(frames)
    assert np.mean([named["color"][n] == kept[i].attributes["color"] for n, i in enumerate(shown)]) >= 0.9


def test_equal_inputs_give_equal_bytes_and_held_out_clips_teach_nothing(config, clips, clips_of, tmp_path):
    config = dataclasses.replace(config, optimization=dataclasses.replace(config.optimization, steps=4, warmup_steps=1))
    stage.run(config, clips=clips, output=tmp_path / "one")
    stage.run(config, clips=clips, output=tmp_path / "two")
    one, two = read_manifest(tmp_path / "one"), read_manifest(tmp_path / "two")
    assert one == two
    kept = Clips(clips)
    fewer = [kept.row(i) for i, clip in enumerate(kept) if clip.split == "train"]
    stage.run(config, clips=clips_of(fewer), output=tmp_path / "three")
    assert read_manifest(tmp_path / "three").files["model.safetensors"] == one.files["model.safetensors"]


def test_clips_without_attributes_and_captions_still_give_a_judge(config, clips, clips_of, tmp_path):
    kept = Clips(clips)
    bare = [
        dataclasses.replace(row, clip=dataclasses.replace(row.clip, attributes={}, caption=""))
        for row in (kept.row(i) for i in range(len(kept)))
    ]
    optimization = dataclasses.replace(config.optimization, steps=2, warmup_steps=1)
    stage.run(dataclasses.replace(config, optimization=optimization), clips=clips_of(bare), output=tmp_path / "judge")
    assert json.loads((tmp_path / "judge" / "metrics.json").read_text()) == {"heldout_clips": 22}
    assert data.load(tmp_path / "judge").values == {}


def test_nothing_to_learn_from_is_said(config, clips, clips_of, tmp_path):
    kept = Clips(clips)
    with pytest.raises(ValueError, match="no clip of the train split"):
        stage.run(config, clips=clips_of([with_split(kept.row(0), "heldout")]), output=tmp_path / "judge")
