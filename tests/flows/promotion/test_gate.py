import csv
import json
from pathlib import Path

import numpy as np
import pytest

from flows.promotion.gate import EvaluationScores, Gate, verdicts

MOTION, MEL, FRECHET = "text_to_video/motion", "video_to_audio/mel", "text_to_video/frechet"


def scores(folder: Path, motion: list[float], mel: list[float], frechet: float = 10.0) -> EvaluationScores:
    """What stage `evaluate` writes, of two measures with samples and one without."""
    folder.mkdir()
    rows = [
        *((f"t2v-{i}", "text_to_video", "motion", value) for i, value in enumerate(motion)),
        *((f"v2a-{i}", "video_to_audio", "mel", value) for i, value in enumerate(mel)),
    ]
    with (folder / "measures.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("sample_id", "task", "measure", "value"), *rows])
    found = [
        {"task": "text_to_video", "name": "motion", "value": float(np.mean(motion)), "better": "higher"},
        {"task": "video_to_audio", "name": "mel", "value": float(np.mean(mel)), "better": "lower"},
        {"task": "text_to_video", "name": "frechet", "value": frechet, "better": "lower"},
    ]
    (folder / "scores.json").write_text(json.dumps(found))
    return EvaluationScores.read(folder)


NOISE = np.random.default_rng(0)
WORSE = [0.0] * 60 + [1.0] * 40
BETTER = [0.0] * 20 + [1.0] * 80
QUIET = (0.5 + 0.01 * NOISE.random(100)).tolist()


def test_a_gain_beyond_its_noise_passes_and_one_within_it_does_not(tmp_path: Path):
    old = scores(tmp_path / "old", WORSE, QUIET)
    one_more = WORSE.copy()
    one_more[0] = 1.0
    gate = Gate(better=[MOTION], not_worse=[], floors={})
    (clear,) = verdicts(gate, scores(tmp_path / "clear", BETTER, QUIET), old)
    (unclear,) = verdicts(gate, scores(tmp_path / "unclear", one_more, QUIET), old)
    assert (clear.passed, unclear.passed) == (True, False)
    assert clear.gain == pytest.approx(0.4)
    assert unclear.gain == pytest.approx(0.01)
    assert clear.low > 0 >= unclear.low


def test_where_less_is_better_a_smaller_value_is_the_gain(tmp_path: Path):
    less = [value - 0.1 for value in QUIET]
    old, new = scores(tmp_path / "old", WORSE, QUIET), scores(tmp_path / "new", WORSE, less)
    gate = Gate(better=[MEL], not_worse=[], floors={})
    assert [verdict.passed for verdict in verdicts(gate, new, old)] == [True]
    assert [verdict.passed for verdict in verdicts(gate, old, new)] == [False]


def test_not_worse_forgives_noise_but_no_loss(tmp_path: Path):
    gate = Gate(better=[], not_worse=[MOTION], floors={})
    old = scores(tmp_path / "old", BETTER, QUIET)
    assert verdicts(gate, old, old)[0].passed
    assert not verdicts(gate, scores(tmp_path / "new", WORSE, QUIET), old)[0].passed


def test_floors_alone_decide_where_there_is_no_champion(tmp_path: Path):
    new = scores(tmp_path / "new", BETTER, QUIET, frechet=10.0)
    gate = Gate(better=[MOTION], not_worse=[], floors={MOTION: 0.75, FRECHET: 9.0})
    assert [(found.measure, found.passed) for found in verdicts(gate, new, None)] == [(MOTION, True), (FRECHET, False)]


def test_scores_of_other_samples_are_not_compared(tmp_path: Path):
    old, new = scores(tmp_path / "old", WORSE, QUIET), scores(tmp_path / "new", WORSE[:-1], QUIET)
    with pytest.raises(ValueError, match="not measured on the same samples"):
        verdicts(Gate(better=[MOTION], not_worse=[], floors={}), new, old)


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (Gate(better=[FRECHET], not_worse=[], floors={}), "use a floor"),
        (
            Gate(better=["text_to_video/shape"], not_worse=[], floors={}),
            "available for this task: text_to_video/frechet, text_to",
        ),
        (Gate(better=[], not_worse=[], floors={"judge/x": 1.0}), "available for this task: none"),
    ],
)
def test_a_rule_that_cannot_be_judged_says_why(gate: Gate, words: str, tmp_path: Path):
    found = scores(tmp_path / "scores", WORSE, QUIET)
    with pytest.raises(ValueError, match=words):
        verdicts(gate, found, found)


def test_a_gate_without_rules_is_refused():
    with pytest.raises(ValueError, match="name at least one"):
        Gate(better=[], not_worse=[], floors={})


def test_a_verdict_says_what_was_found(tmp_path: Path):
    old, new = scores(tmp_path / "old", WORSE, QUIET), scores(tmp_path / "new", BETTER, QUIET)
    floor, gain = verdicts(Gate(better=[MOTION], not_worse=[], floors={MOTION: 0.9}), new, old)
    assert floor.text == "NO text_to_video/motion: 0.8, the floor is 0.9"
    assert gain.text.startswith("ok text_to_video/motion: 0.4 → 0.8, gain +0.4 [+0.")
    assert gain.text.endswith("must be better")
