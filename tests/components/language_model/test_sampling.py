from dataclasses import replace

import pytest
import torch

from components.language_model.model import Batch, Model
from components.language_model.sampling import Conditions, Outputs, SamplingConfig, draw, sample
from components.language_model.sequence import layout
from components.language_model.tasks import TASKS, Task

PLAIN = SamplingConfig(guidance=1.0, temperature=1.0, top_k=0, top_p=1.0)


def conditions_for(model: Model, task: Task, batch: int, given: int) -> Conditions:
    """Random codes for all that a task takes."""
    random = torch.Generator().manual_seed(5)
    shape, spec = model.shapes[group_of(task)], model.token_spec
    codes = torch.randint(0, spec.vocabulary.visual_codes, (3, batch, *shape.latent), generator=random)
    sound = torch.randint(0, spec.vocabulary.codebook_size, (batch, 2, shape.audio_frames or 1), generator=random)
    return Conditions(
        text=torch.randn(batch, spec.text_tokens, spec.text_width, generator=random) if task.text else None,
        text_lengths=torch.arange(1, batch + 1) if task.text else None,
        frames=codes[0, :, :given] if given else None,
        masked=codes[1] if task.masked != "none" else None,
        structure=codes[2] if task.structure else None,
        audio=sound if task.audio != "none" else None,
    )


def group_of(task: Task) -> str:
    return "image" if task.media == "image" else "clip"


def given_for(task: Task) -> int:
    return {"none": 0, "first": 1, "any": 2, "whole": 3}[task.frames]


def sampled(model: Model, task: Task, settings: SamplingConfig = PLAIN, seeds: tuple[int, ...] = (1, 2)) -> Outputs:
    conditions = conditions_for(model, task, len(seeds), given_for(task))
    shape = model.shapes[group_of(task)]
    return sample(model, model.token_spec.vocabulary, task, shape, conditions, settings=settings, seeds=seeds)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_makes_whole_clips_of_its_own_codes(model: Model, name: str):
    task, spec = TASKS[name], model.token_spec
    outputs, shape = sampled(model, task), model.shapes[group_of(task)]
    assert (outputs.visual is not None) == task.makes_visual
    assert (outputs.audio is not None) == task.makes_audio
    if outputs.visual is not None:
        assert outputs.visual.shape == (2, *shape.latent)
        assert 0 <= outputs.visual.min() <= outputs.visual.max() < spec.vocabulary.visual_codes
    if outputs.audio is not None:
        assert outputs.audio.shape == (2, spec.vocabulary.levels, shape.audio_frames)
        assert 0 <= outputs.audio.min() <= outputs.audio.max() < spec.vocabulary.codebook_size


def test_given_frames_and_sound_stand_in_front(model: Model):
    task = TASKS["audio_video_continuation"]
    conditions, outputs = conditions_for(model, task, 2, 1), sampled(model, task)
    assert outputs.visual is not None
    assert outputs.audio is not None
    assert conditions.frames is not None
    assert conditions.audio is not None
    heard = model.shapes["clip"].audio_frames_until(1)
    assert torch.equal(outputs.visual[:, :1], conditions.frames)
    assert torch.equal(outputs.audio[:, :, :heard], conditions.audio[:, :, :heard])


@pytest.mark.parametrize("guidance", [1.0, 2.5])
@pytest.mark.parametrize("name", ["text_to_video", "image_to_video", "audio_video_continuation"])
def test_decoding_with_a_cache_equals_the_whole_forward_pass(model: Model, name: str, guidance: float):
    """Greedy codes from the cache are the greedy codes of one pass over the finished sequence."""
    task = TASKS[name]
    given = given_for(task)
    conditions, shape, vocabulary = (
        conditions_for(model, task, 2, given),
        model.shapes["clip"],
        model.token_spec.vocabulary,
    )
    outputs = sampled(model, task, replace(PLAIN, temperature=0.0, guidance=guidance))
    plan = layout(task, shape, given, model.token_spec.text_tokens, vocabulary)
    codes = {}
    if outputs.visual is not None:
        codes |= {"frames": vocabulary.visual_to_ids(outputs.visual[:, :given])}
        codes |= {"visual_out": vocabulary.visual_to_ids(outputs.visual[:, given:])}
    if outputs.audio is not None:
        heard = shape.audio_frames_until(given)
        codes |= {"audio": vocabulary.audio_to_ids(outputs.audio[:, :, :heard])}
        codes |= {"audio_out": vocabulary.audio_to_ids(outputs.audio[:, :, heard:])}
    ids, lengths = plan.assemble(codes, 2), conditions.text_lengths
    with_text = model.states(Batch(plan, ids, conditions.text, lengths))
    without = model.states(Batch(plan, ids, conditions.text, None if lengths is None else lengths * 0))
    scale = guidance if task.text else 1.0
    for run in plan.spans:
        before = slice(run.start - 1, run.start + run.length - 1)
        head, previous_parts = model.head(run), list[torch.Tensor]()
        for _ in range(head.parts):
            plain, textless = (head.scores(states[:, before], previous_parts) for states in (with_text, without))
            previous_parts.append((textless + scale * (plain - textless)).argmax(-1))
        assert torch.equal(head.join(previous_parts) + run.ids.start, ids[:, run.start : run.start + run.length])


def test_a_sequence_does_not_depend_on_its_neighbors(model: Model):
    task = TASKS["unconditioned_video"]
    both, one = sampled(model, task, seeds=(7, 8)).visual, sampled(model, task, seeds=(8,)).visual
    assert both is not None
    assert one is not None
    assert torch.equal(both[1:], one)
    assert not torch.equal(both[:1], one)


def test_draws_follow_the_probabilities():
    logits = torch.tensor([0.5, 0.3, 0.2]).log().expand(1000, 3)
    drawn = draw(logits, torch.arange(1000) / 1000, PLAIN)
    assert torch.bincount(drawn, minlength=3).tolist() == pytest.approx([500, 300, 200], abs=1)


def test_top_k_and_top_p_keep_the_likeliest():
    logits = torch.tensor([0.1, 0.5, 0.4]).log().expand(100, 3)
    noise = torch.arange(100) / 100
    assert set(draw(logits, noise, replace(PLAIN, top_k=2)).tolist()) == {1, 2}
    assert set(draw(logits, noise, replace(PLAIN, top_p=0.45)).tolist()) == {1}
    assert set(draw(logits, noise, replace(PLAIN, temperature=0.0)).tolist()) == {1}


def test_conditions_that_a_task_does_not_take_are_refused(model: Model):
    task = TASKS["text_to_video"]
    conditions = replace(conditions_for(model, task, 1, 0), text=None)
    with pytest.raises(ValueError, match="text_to_video takes"):
        sample(model, model.token_spec.vocabulary, task, model.shapes["clip"], conditions, settings=PLAIN, seeds=[0])
