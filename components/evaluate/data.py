"""Samples' pixels and sound as they were written; scores as files.

`scores.json` holds the records that the report shows, `metrics.json` the same values flat, `answers.csv` and
`measures.csv` what they were made of, sample by sample.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.common import artifacts
from components.common.formats import Format, Formats
from components.evaluate.ops import Pixels
from components.evaluate.records import Measure, Score
from components.generate.data import Sample
from components.media import audio, images, video

Answer = tuple[str, str, str, str]  # sample id, attribute, wanted, answered


class Media:
    """Files of samples, by sample."""

    def __init__(self, folder: Path, formats: Formats, constant_rate_factor: int):
        self.folder, self.formats, self.constant_rate_factor = folder, formats, constant_rate_factor
        self._format = {fmt.name: fmt for fmt in formats.all()}

    def format_of(self, sample: Sample) -> Format:
        """The base format that the sample was made in, whatever its size now."""
        return self._format[sample.format]

    def scale(self, sample: Sample) -> int:
        """How many times larger than its base format the file is."""
        if sample.stage == "base":
            return 1
        return video.probe(self.folder / sample.path).height_px // self.format_of(sample).height_px

    def frames(self, sample: Sample) -> Pixels:
        """Pixels (T, H, W, 3) as a viewer sees them, after the video codec."""
        path = self.folder / sample.path
        if path.suffix == ".png":
            return images.read(path)[None]
        return video.decode(path, fps=self.formats.fps, frames=self.format_of(sample).frames)

    def shown(self, frames_THWC: Pixels) -> Pixels:
        """Other frames as they would look if they were a sample: after the same video codec, which blurs colour."""
        if len(frames_THWC) == 1:
            return frames_THWC
        mp4 = video.encode_mp4(frames_THWC, fps=self.formats.fps, crf=self.constant_rate_factor)
        return video.decode(mp4, fps=self.formats.fps, frames=len(frames_THWC))

    def sound(self, sample: Sample) -> NDArray[np.float32]:
        """Samples as long as the frames last, after the sound codec; silence if there is no sound."""
        length, rate_hz = self.formats.samples(self.format_of(sample).frames), self.formats.sample_rate_hz
        wave_S = audio.decode(self.folder / sample.path, sample_rate_hz=rate_hz, duration_s=length / rate_hz)
        return np.zeros(length, np.float32) if wave_S is None else wave_S


def write(folder: Path, scores: Sequence[Score], measures: Sequence[Measure], answers: Iterable[Answer]) -> None:
    """Write the scores and what they were made of."""
    artifacts.write_json(folder / "scores.json", [asdict(score) for score in scores])
    values = {f"{score.task}/{score.name}": score.value for score in scores}
    counts = {f"{score.task}/{score.name}/n": score.n for score in scores}
    artifacts.write_json(folder / "metrics.json", values | counts)
    rows = [
        (sample_id, measure.task, measure.name, f"{value:.6g}")
        for measure in measures
        for sample_id, value in zip(measure.sample_ids, measure.values, strict=True)
    ]
    _write_csv(folder / "measures.csv", ("sample_id", "task", "measure", "value"), rows)
    _write_csv(folder / "answers.csv", ("sample_id", "attribute", "wanted", "answered"), answers)


def plain_name(score: Score) -> str:
    """Task and name without brackets, which a tracking store refuses."""
    return f"{score.task}/{score.name}".replace("[", " ").replace("]", "")


def _write_csv(path: Path, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    path.write_text(text.getvalue())
