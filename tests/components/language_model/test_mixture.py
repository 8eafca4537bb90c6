from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from components.language_model.config import Config
from components.language_model.data import TokenDataset
from components.language_model.mixture import Mixture
from components.language_model.tasks import TASKS
from components.pretokenize.data import Tokens


@pytest.fixture
def mixture(tokens: Path, config: Config) -> Mixture:
    return Mixture(config.mix, TokenDataset(Tokens(tokens), "train"), seed=1, batch_tokens=120)


def test_a_batch_has_no_padding(mixture: Mixture):
    """Every position of every sequence holds a marker, a code or one of the text positions."""
    for step in range(60):
        batch = mixture.batch(step, 0, 1)
        text = sum(segment.length for segment in batch.layout.segments if segment.part == "text")
        assert ((batch.ids == 0).sum(dim=1) == text).all()
        assert batch.ids.shape[1] == batch.layout.tokens


def test_a_step_is_a_function_of_its_number(mixture: Mixture):
    ahead, again = mixture.batch(17, 0, 1), mixture.batch(17, 0, 1)
    assert ahead.ids.equal(again.ids)
    assert not ahead.ids.equal(mixture.batch(18, 0, 1).ids)


def test_shares_of_steps_follow_the_mix(mixture: Mixture):
    media = Counter(mixture.plan(step).spec.task.media for step in range(1000))
    assert media["image"] / 1000 == pytest.approx(0.4, abs=0.05)
    tasks = Counter(mixture.plan(step).spec.task.name for step in range(2000))
    assert set(tasks) == set(TASKS)


def test_image_batches_hold_more_sequences_of_the_same_number_of_positions(mixture: Mixture):
    plans = [mixture.plan(step) for step in range(200)]
    images = {len(c.rows) for c in plans if c.spec.task.name == "unconditioned_image"}
    videos = {len(c.rows) for c in plans if c.spec.task.name == "unconditioned_video" and c.spec.group == "long"}
    assert min(images) > 2 * max(videos)


def test_only_clips_with_what_a_task_needs_are_used(mixture: Mixture):
    assert 1 not in mixture.rows["text_to_video"]["clip"]  # no caption
    assert 2 not in mixture.rows["video_to_audio"]["clip"]  # silent
    assert 0 not in mixture.rows["unconditioned_video"]["clip"]  # held out
    assert set(mixture.rows["stylization"]) == {"clip", "clip_portrait"}
    assert set(mixture.rows["inpainting"]) == {"clip", "clip_portrait"}


def test_devices_share_a_batch_without_overlap(mixture: Mixture):
    whole = mixture.batch(3, 0, 1).ids
    halves = [mixture.batch(3, rank, 2).ids for rank in range(2)]
    assert halves[0].equal(whole[0 : len(halves[0]) * 2 : 2])
    assert halves[1].equal(whole[1 : len(halves[1]) * 2 : 2])


def test_a_mix_without_clips_is_refused(tokens: Path, config: Config):
    mix = replace(config.mix, image_share=0.0, tasks={"text_to_video": 1.0})
    with pytest.raises(ValueError, match="no clip qualifies"):
        Mixture(mix, TokenDataset(Tokens(tokens), "nobody"), seed=1, batch_tokens=120)


def test_clips_of_a_task_are_drawn_by_their_weight_whatever_their_format(tokens: Path, config: Config):
    dataset = TokenDataset(Tokens(tokens), "train")
    for name, group in dataset.groups.items():
        dataset.groups[name] = replace(group, weight=np.where(np.arange(10) == 4, 5.0, 0.5) * (1 + (name == "clip")))
    mixture = Mixture(config.mix, dataset, seed=1, batch_tokens=120)
    drawn = defaultdict[tuple[str, int], float](float)
    for plan in map(mixture.plan, range(4000)):
        if plan.spec.task.name == "unconditioned_video":
            share = 1 / len(plan.rows)  # a step counts once, however many clips fit
            for row in plan.rows.tolist():
                drawn[plan.spec.group, row] += share
    assert {row for _, row in drawn} == set(range(1, 10))
    groups = {name: sum(n for (of, _), n in drawn.items() if of == name) for name in ("clip", "long")}
    assert groups["clip"] / groups["long"] == pytest.approx(2, rel=0.35)
    often = sum(n for (_, row), n in drawn.items() if row == 4) / sum(drawn.values())
    assert often == pytest.approx(5 / 9, abs=0.08)
    ahead, again = mixture.plan(17), mixture.plan(17)
    assert ahead.rows.tolist() == again.rows.tolist()


def test_where_all_weigh_the_same_no_clip_comes_twice_in_a_batch_if_there_are_enough(mixture: Mixture):
    plans = [mixture.plan(step) for step in range(200)]
    enough = [c for c in plans if len(c.rows) <= len(mixture.rows[c.spec.task.name][c.spec.group])]
    assert len(enough) > 50
    assert all(len(set(plan.rows.tolist())) == len(plan.rows) for plan in enough)
