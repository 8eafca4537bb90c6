from dataclasses import replace

import pytest
import torch

from components.super_resolution.config import UpsamplingConfig
from components.super_resolution.sampling import guided_logits, upsample

SETTINGS = UpsamplingConfig(steps=6, text_guidance=3.0, lr_guidance=2.0, temperature=1.0, choice_temperature=4.5)
GIVEN = ("lr_BThw", "text_BSD", "lengths_B")


def test_guidance_one_and_one_is_the_conditional_pass(model, given):
    expected = model(**given, lr_dropped_B=torch.zeros(2, dtype=torch.bool))
    actual = guided_logits(model, **given, settings=replace(SETTINGS, text_guidance=1.0, lr_guidance=1.0))
    torch.testing.assert_close(tuple(actual), expected, rtol=0, atol=0)


def test_guidance_adds_what_each_condition_adds(model, given):
    kept, dropped = torch.zeros(2, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
    without = {**given, "lengths_B": torch.zeros(2, dtype=torch.long)}
    nothing = model(**without, lr_dropped_B=dropped)[0]
    lr = model(**without, lr_dropped_B=kept)[0]
    both = model(**given, lr_dropped_B=kept)[0]
    expected = nothing + 2.0 * (lr - nothing) + 3.0 * (both - lr)
    torch.testing.assert_close(guided_logits(model, **given, settings=SETTINGS)[0], expected)


def test_guidance_zero_forgets_both_conditions(model, given):
    settings = replace(SETTINGS, text_guidance=0.0, lr_guidance=0.0)
    other = {**given, "lr_BThw": 127 - given["lr_BThw"], "text_BSD": -given["text_BSD"]}
    torch.testing.assert_close(
        guided_logits(model, **given, settings=settings), guided_logits(model, **other, settings=settings)
    )


def test_equal_seeds_give_equal_codes_and_other_seeds_others(model, given):
    given = {name: given[name] for name in GIVEN}
    codes = upsample(model, **given, settings=SETTINGS, seeds=[3, 5])
    assert codes.shape == (2, 3, 4, 4)
    assert codes.min() >= 0
    assert codes.max() < 128
    assert torch.equal(codes, upsample(model, **given, settings=SETTINGS, seeds=[3, 5]))
    assert not torch.equal(codes, upsample(model, **given, settings=SETTINGS, seeds=[4, 5]))


def test_a_clip_does_not_depend_on_its_batch(model, given):
    given = {name: given[name] for name in GIVEN}
    both = upsample(model, **given, settings=SETTINGS, seeds=[3, 5])
    alone = upsample(model, **{name: value[1:] for name, value in given.items()}, settings=SETTINGS, seeds=[5])
    assert torch.equal(both[1:], alone)


def test_every_position_is_drawn_once(model, given, monkeypatch):
    masked_counts = []
    forward = model.forward

    def counting(hr, masked, *rest):
        masked_counts.append(int(masked[0].sum()))
        return forward(hr, masked, *rest)

    monkeypatch.setattr(model, "forward", counting)
    settings = replace(SETTINGS, text_guidance=1.0, lr_guidance=1.0, temperature=0.0, choice_temperature=0.0)
    upsample(model, **{name: given[name] for name in GIVEN}, settings=settings, seeds=[0, 1])
    assert masked_counts == [48, 46, 41, 33, 24, 12]


def test_no_step_is_refused():
    with pytest.raises(ValueError, match="a step or more"):
        replace(SETTINGS, steps=0)
