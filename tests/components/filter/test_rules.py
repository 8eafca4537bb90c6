import json
from dataclasses import replace

import pytest

from components.filter import rules
from components.filter.config import Config
from components.filter.data import Clip
from components.filter.rules import ClipScores

VIDEO = Clip("a", "s", "video", "train", "", "", "", 17, "square", 0.0, 2.125, 64, 64, "none", 0.01, {})
GOOD = ClipScores(64, 2.125, 0.01, 0.1, 0.0, 200.0, 0.0, 0.0, 0.0, 0.0, 5, "en", 3, 0.3, 0.9, 0.1)
STILL = replace(GOOD, duration_s=None, motion=None, speed=None, jitter=None)


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (replace(GOOD, side_px=30), "too_small"),
        (replace(GOOD, duration_s=1.9), "too_short"),
        (replace(GOOD, motion=0.0005), "too_still"),
        (replace(GOOD, speed=0.002), "too_slow"),
        (replace(GOOD, speed=2.5), "too_fast"),
        (replace(GOOD, jitter=0.9), "jittery"),
        (replace(GOOD, sharpness=0.9), "blurred"),
        (replace(GOOD, dark=0.96), "too_dark"),
        (replace(GOOD, bright=0.96), "too_bright"),
        (replace(GOOD, letterbox=0.5), "letterboxed"),
        (replace(GOOD, text_overlay=0.01), "text_overlay"),
        (replace(GOOD, words=0), "few_words"),
        (replace(GOOD, words=300), "many_words"),
        (replace(GOOD, duplicate_captions=501), "duplicate_caption"),
        (replace(GOOD, clip_score=0.1), "low_clip_score"),
        (replace(GOOD, aesthetic=0.4), "not_aesthetic"),
        (replace(GOOD, unsafe=0.6), "unsafe"),
    ],
)
def test_every_limit_has_its_reason_and_says_what_was_found(config: Config, scores: ClipScores, reason: str) -> None:
    broken = rules.broken(VIDEO, scores, replace(config, visual=replace(config.visual, max_text_overlay=0.004)))
    assert broken is not None
    assert broken[0] == reason
    assert " than " in broken[1]


def test_a_clip_within_all_limits_stays_and_so_does_what_was_not_measured(config: Config) -> None:
    assert rules.broken(VIDEO, GOOD, config) is None
    assert rules.broken(VIDEO, STILL, config) is None
    assert rules.broken(VIDEO, ClipScores(), config) is None


def test_what_is_found_has_a_unit(config: Config) -> None:
    assert rules.broken(VIDEO, replace(GOOD, speed=2.5), config) == ("too_fast", "speed 2.5 widths/s, more than 2")


def test_lists_allow_all_while_they_are_empty(config: Config) -> None:
    foreign = replace(GOOD, language="de")
    assert rules.broken(replace(VIDEO, license="unknown"), foreign, config) is None
    chosen = replace(config, licenses=("CC0-1.0",), caption=replace(config.caption, languages=("en",)))
    assert rules.broken(replace(VIDEO, license="unknown"), GOOD, chosen) == ("license", "license 'unknown'")
    assert rules.broken(replace(VIDEO, license="CC0-1.0"), foreign, chosen) == ("language", "language de")
    assert rules.broken(replace(VIDEO, license="CC0-1.0"), replace(STILL, language=None), chosen) is None


def test_who_opted_out_goes_first(config: Config) -> None:
    clip = replace(VIDEO, source_sha256="c" * 64)
    broken = rules.broken(clip, replace(GOOD, motion=0.0), replace(config, opt_out=("c" * 64,)))
    assert broken == ("opted_out", "its source is on filter.opt_out")


def test_a_caption_that_names_a_file_is_boilerplate_and_no_caption_is_none(config: Config) -> None:
    broken = rules.broken(replace(VIDEO, caption="IMG_2031.mov"), GOOD, config)
    assert broken is not None
    assert broken[0] == "boilerplate"
    assert rules.broken(replace(VIDEO, caption=" "), GOOD, config) is None


def test_limits_are_stated_as_json_can_hold_them(config: Config) -> None:
    stated = {limit["reason"]: limit for limit in rules.stated(config)}
    assert len(stated) == len(rules.limits(config))
    assert stated["too_fast"] == {
        "reason": "too_fast",
        "score": "speed",
        "unit": "widths/s",
        "least": None,
        "most": config.visual.max_speed,
    }
    json.dumps(rules.stated(config), allow_nan=False)
