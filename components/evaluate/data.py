"""Reader of the pixels and audio of samples; writer of scores.

`scores.json` holds the records that the report shows, `metrics.json` the same values flat, `answers.csv` and
`measures.csv` the values of every sample.
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
from components.evaluate.records import Measure, Score
from components.generate.data import Sample
from components.media import audio, images, video
from components.media.arrays import Pixels

Answer = tuple[str, str, str, str]  # sample id, attribute, wanted, answered


class SampleMedia:
    """Media files of samples."""

    def __init__(self, folder: Path, formats: Formats, crf: int):
        self.folder, self.formats, self.crf = folder, formats, crf
        self._format = {fmt.name: fmt for fmt in formats.all()}

    def format_of(self, sample: Sample) -> Format:
        """Return the base format of a sample, whatever its size now."""
        return self._format[sample.format]

    def scale(self, sample: Sample) -> int:
        """Return the ratio of the height of the file to that of its base format."""
        if sample.stage == "base":
            return 1
        return video.probe(self.folder / sample.path).height_px // self.format_of(sample).height_px

    def frames(self, sample: Sample) -> Pixels:
        """Return pixels (T, H, W, 3) after the video codec."""
        path = self.folder / sample.path
        if path.suffix == ".png":
            return images.read(path)[None]
        return video.decode(path, fps=self.formats.fps, frames=self.format_of(sample).frames)

    def shown(self, frames_THWC: Pixels) -> Pixels:
        """Return other frames after the same video codec, which blurs color."""
        if len(frames_THWC) == 1:
            return frames_THWC
        mp4 = video.encode_mp4(frames_THWC, fps=self.formats.fps, crf=self.crf)
        return video.decode(mp4, fps=self.formats.fps, frames=len(frames_THWC))

    def audio(self, sample: Sample) -> NDArray[np.float32]:
        """Return audio as long as the frames, after the audio codec; silence if there is none."""
        length, rate_hz = self.formats.samples(self.format_of(sample).frames), self.formats.sample_rate_hz
        wave_S = audio.decode(self.folder / sample.path, sample_rate_hz=rate_hz, duration_s=length / rate_hz)
        return np.zeros(length, np.float32) if wave_S is None else wave_S


def write(folder: Path, scores: Sequence[Score], measures: Sequence[Measure], answers: Iterable[Answer]) -> None:
    """Write the scores and the values of every sample."""
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
    """Return task and name without brackets, which tracking stores refuse."""
    return f"{score.task}/{score.name}".replace("[", " ").replace("]", "")


def _write_csv(path: Path, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    path.write_text(text.getvalue())
