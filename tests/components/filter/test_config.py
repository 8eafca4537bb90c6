from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from components.filter.config import AttributeBalance, ClassifierRule, Config


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"opt_out": ("abc",)}, "opt_out: 'abc' is no SHA-256"),
        ({"heldout_share": 1.0}, r"filter\.heldout_share must lie in \[0, 1\)"),
        ({"min_duration_s": 6.0}, r"would drop every clip: choose at most 2\.125"),
        ({"shard_digits": 4}, "shard_digits 1, 2 or 3"),
    ],
)
def test_nonsense_is_refused_with_what_to_change(config: Config, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(config, **change)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda c: replace(c.visual, min_motion=-0.1), r"filter\.visual\.min_motion must lie in \[0, 1\]"),
        (lambda c: replace(c.visual, max_text_overlay=1.5), r"filter\.visual\.max_text_overlay must lie in \[0, 1\]"),
        (lambda c: replace(c.visual, max_speed=0.0), "min_speed must be at least 0 and below max_speed"),
        (lambda c: replace(c.caption, min_words=300), "min_words must be at least 0 and not above max_words"),
        (lambda c: replace(c.caption, max_duplicate_captions=-1), "max_duplicate_captions must be at least 0"),
        (lambda c: replace(c.caption, boilerplate=("(",)), r"'\(' is no regular expression"),
        (lambda c: replace(c.clip_score, min_similarity=2.0), r"min_similarity must lie in \[-1, 1\]"),
        (lambda c: replace(c.unsafe, model="safety"), "`safety` needs labels"),
        (lambda c: replace(c.aesthetic, limit=2.0), "limit of a classifier must lie"),
        (lambda c: replace(c.balance, max_share=0.0), r"balance\.max_share must lie in \(0, 1\]"),
        (lambda c: replace(c.balance, min_clips=0), r"balance\.min_clips must be at least 1"),
        (lambda c: replace(c.balance, max_draws=0.5), "max_draws must be at least 1, the average"),
        (lambda c: replace(c.balance.attribute, max_share=1.5), r"attribute\.max_share must lie in \(0, 1\]"),
        (lambda c: replace(c.balance.attribute, model="people", labels=("child",)), "needs two labels or more"),
        (lambda c: replace(c.balance.attribute, min_probability=-0.1), r"attribute\.min_probability must lie in"),
    ],
)
def test_a_rule_without_sense_is_refused(config: Config, make: Callable[[Config], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make(config)


def test_rules_are_off_until_what_they_need_is_given(config: Config) -> None:
    assert config.rules_off == ["aesthetic", "clip_score", "language", "license", "opt_out", "text_overlay", "unsafe"]
    given = replace(config, licenses=("CC0-1.0",), unsafe=ClassifierRule("safety", ("nsfw",), 0.5))
    assert given.rules_off == ["aesthetic", "clip_score", "language", "opt_out", "text_overlay"]
    assert "text_overlay" not in replace(config, visual=replace(config.visual, max_text_overlay=0.004)).rules_off


def test_nothing_is_balanced_until_there_is_a_share_or_a_model(config: Config) -> None:
    assert config.balance.limits == {"attribute": None, "concept": None}
    assert replace(config.balance, max_share=0.1).limits == {"attribute": None, "concept": 0.1}
    people = AttributeBalance("people", ("child", "adult"), 0.5, 0.5)
    assert replace(config.balance, attribute=people).limits == {"attribute": people.max_share, "concept": None}
    assert replace(config.balance, attribute=replace(people, max_share=1.0)).limits == config.balance.limits
