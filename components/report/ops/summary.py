"""Scores -> one row a task for the top of the report, each with a verdict against its baseline."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from components.common.pages.measure_names import measure_name
from components.evaluate.records import Score
from components.report.ops import tasks

ROWS = 6
FEW = 8  # samples; with fewer a bootstrap interval says little
HEADLINES: Final = {  # task -> the measure that answers first whether the task works
    "text_to_video": "motion_accuracy",
    "image_to_video": "psnr_where_it_moves",
    "frame_prediction": "psnr_where_it_moves",
    "inpainting": "psnr_where_masked_beside_edge",
    "video_to_audio": "pitch_agreement",
    "super_resolution": "psnr_x4",  # the strictest: bicubic scaling is hard to beat
}
Outcome = Literal["better", "worse", "unclear"]


@dataclass(frozen=True)
class Reference:
    """A number that a score has to beat."""

    name: str
    value: float


@dataclass(frozen=True)
class Verdict:
    """The comparison of a score with its reference; `text` completes the outcome."""

    outcome: Outcome
    text: str


@dataclass(frozen=True)
class SummaryRow:
    """The headline score of a task."""

    score: Score
    reference: Reference | None
    ceiling: Reference | None
    verdict: Verdict


def summary(scores: Sequence[Score]) -> list[SummaryRow]:
    """Pick one score for each of up to `ROWS` tasks: those of `HEADLINES`, then others in the order of the page."""
    by_task: dict[str, list[Score]] = {}
    for score in sorted(scores, key=lambda score: tasks.order(score.task)):
        by_task.setdefault(score.task, []).append(score)
    names = [task for task in HEADLINES if task in by_task]
    names += [task for task in by_task if task not in HEADLINES]
    return [_row(_headline(task, by_task[task])) for task in names[:ROWS]]


def reference(score: Score) -> Reference | None:
    """Return the harder of chance level and trivial baseline, or None if the score has neither."""
    known = []
    if score.chance is not None:
        known.append(Reference("chance", score.chance))
    if score.baseline is not None:
        known.append(Reference(score.baseline_name or "baseline", score.baseline))
    sign = 1 if score.better == "higher" else -1
    return max(known, key=lambda found: sign * found.value, default=None)


def ceiling(score: Score) -> Reference | None:
    """Return the score of real clips through the tokenizer, or else of real clips, or None."""
    if score.reconstruction_ceiling is not None:
        return Reference("real clips through the tokenizer", score.reconstruction_ceiling)
    return None if score.real_ceiling is None else Reference("real clips", score.real_ceiling)


def verdict(score: Score) -> Verdict:
    """Compare the score's 95 % interval with its reference."""
    against = reference(score)
    if against is None:
        return Verdict("unclear", "no baseline to compare with")
    if score.n < FEW or score.low is None or score.high is None:
        return Verdict("unclear", f"too few samples to compare with {against.name}")
    above, below = score.low > against.value, score.high < against.value
    if not above and not below:
        return Verdict("unclear", f"no clear difference from {against.name}")
    better = above == (score.better == "higher")
    return Verdict("better" if better else "worse", f"{'better' if better else 'worse'} than {against.name}")


def _headline(task: str, scores: Sequence[Score]) -> Score:
    wanted = HEADLINES.get(task)
    plain = [score for score in scores if not measure_name(score.name, task).secondary]
    return next((score for score in scores if score.name.split("[")[0] == wanted), (plain or list(scores))[0])


def _row(score: Score) -> SummaryRow:
    return SummaryRow(score, reference(score), ceiling(score), verdict(score))
