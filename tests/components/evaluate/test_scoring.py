import json

import numpy as np
import pytest

from components.evaluate import data
from components.evaluate.records import Measure
from components.evaluate.scoring import score


def scores(scoring):
    return {one.name: one for one in scoring.scores}


@pytest.fixture
def faithful(made, references, media, heldout):
    """Text-to-video samples that show just what was asked for."""
    return [
        made(
            i,
            references.pixels(clip.clip_id, media.formats.clip),
            task="text_to_video",
            clip=clip,
            unseen=clip.attributes == {"color": "blue", "motion": "right"},
        )
        for i, clip in enumerate(heldout)
    ]


def test_faithful_samples_score_what_real_clips_do(scoring, faithful):
    scoring.task("text_to_video", faithful)
    found = scores(scoring)
    for name in ("color_accuracy", "motion_accuracy", "motion_accuracy_unseen"):
        one = found[f"{name}[local-judge]"]
        assert (one.value, one.real_ceiling, one.chance) == (1.0, 1.0, 0.5)
        assert one.unit == "share"
    assert found["motion_accuracy_unseen[local-judge]"].n == 2
    assert found["color_accuracy[local-judge]"].n == 8
    assert found["clip_similarity[local-judge]"].value > found["clip_similarity[local-judge]"].chance
    distance = found["frechet_distance[local-judge]"]
    assert distance.value < 1e-2 < distance.baseline
    assert distance.better == "lower"
    assert ("text_to_video-0000", "color", "red", "red") in scoring.answers


def test_samples_that_stand_still_show_no_motion(scoring, made, references, media, heldout):
    samples = [
        made(
            i,
            references.pixels(clip.clip_id, media.formats.clip)[:1].repeat(5, axis=0),
            task="image_to_video",
            clip=clip,
            given_frames=1,
        )
        for i, clip in enumerate(heldout)
    ]
    scoring.task("image_to_video", samples)
    motion, color = (scores(scoring)[f"{name}_accuracy[local-judge]"] for name in ("motion", "color"))
    assert motion.baseline == pytest.approx(0.5)
    assert motion.value <= 0.75
    assert (color.value, color.baseline, color.baseline_name) == (1.0, 1.0, "copied first frame")


def test_other_formats_sizes_and_own_prompts_have_rows_of_their_own(
    scoring, faithful, made, references, media, heldout
):
    clip = heldout[0]
    frames = references.pixels(clip.clip_id, media.formats.clip)
    tall = np.pad(frames, ((0, 0), (4, 4), (0, 0), (0, 0)), mode="edge")
    large = references.pixels(clip.clip_id, media.formats.clip.scaled(2))
    more = [
        made(90, tall, task="text_to_video", clip=clip, format="clip_portrait"),
        made(91, np.concatenate([frames, frames[:4]]), task="text_to_video", clip=clip, format="long"),
        made(92, large, task="text_to_video", clip=clip, stage="super_resolution"),
        made(93, frames, task="text_to_video", prompt="a red square of my own"),
        made(94, frames, task="text_to_video", prompt="a blue square of my own"),
    ]
    scoring.task("text_to_video", [*faithful, *more])
    found = scores(scoring)
    assert found["color_accuracy[local-judge]"].n == 8
    for suffix in ("_portrait", "_long", "_x2"):
        assert found[f"motion_accuracy{suffix}[local-judge]"].value == 1.0
    own = found["clip_similarity_own_prompts[local-judge]"]
    assert (own.n, own.real_ceiling) == (2, None)
    assert own.chance is not None


def test_pictures_are_judged_as_pictures(scoring, made):
    red = np.full((1, 16, 16, 3), (200, 30, 30), np.uint8)
    samples = [
        made(i, red, task="text_to_image", prompt="a red square", clip_id="0" * 64, attributes={"color": "red"})
        for i in range(2)
    ]
    scoring.task("text_to_image", samples)
    found = scores(scoring)
    assert found["color_accuracy[local-judge]"].value == 1.0
    assert "motion_accuracy[local-judge]" not in found
    assert found["frechet_distance[local-judge]"].baseline is None


def test_a_task_without_a_question_is_named(scoring, faithful):
    with pytest.raises(ValueError, match="no metrics for the task video_to_smell"):
        scoring.task("video_to_smell", faithful)


def test_a_score_is_a_mean_with_its_interval(config):
    measure = Measure("t", "m", "dB", "higher", ["a", "b", "c", "d"], [0, 0, 1, 1], [1, 2, 3, 4], "nothing")
    one = score(measure, config)
    assert (one.value, one.baseline, one.n) == (0.5, 2.5, 4)
    assert 0 <= one.low < 0.5 < one.high <= 1
    assert score(measure, config) == one


def test_scores_are_written_with_what_they_are_made_of(scoring, faithful, tmp_path):
    scoring.task("text_to_video", faithful)
    folder = tmp_path / "metrics"
    folder.mkdir()
    data.write(folder, scoring.scores, scoring.measures, scoring.answers)
    flat = json.loads((folder / "metrics.json").read_text())
    assert flat["text_to_video/color_accuracy[local-judge]"] == 1.0
    assert flat["text_to_video/color_accuracy[local-judge]/n"] == 8
    records = json.loads((folder / "scores.json").read_text())
    assert len(records) * 2 == len(flat)
    assert "text_to_video-0000,color,red,red" in (folder / "answers.csv").read_text()
    assert "text_to_video-0000,text_to_video,color_accuracy[local-judge],1" in (folder / "measures.csv").read_text()
