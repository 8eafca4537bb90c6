"""A measurement has what its kind of clip has, and depends on nothing else."""

from pathlib import Path

import numpy as np

from components.filter import data, scoring
from components.filter.config import Config
from components.filter.duplicates import FINGERPRINT_BYTES


def no_networks(*_: object) -> scoring.ContentScores:
    return {}, None


def test_an_image_does_not_move_and_a_clip_without_a_caption_has_no_language(config: Config, kept_clips: Path) -> None:
    clips = data.Clips(kept_clips)
    for index, clip in enumerate(clips):
        found = scoring.measure(config, clips, index, no_networks)
        unmoving = {found.scores.duration_s, found.scores.motion, found.scores.speed, found.scores.jitter}
        assert (unmoving == {None}) == (clip.kind == "image")
        assert (found.scores.language is None) == (clip.caption == "")
        assert (found.source_sha256, found.confidence) == (clip.source_sha256, None)
        assert found.fingerprint.shape == (FINGERPRINT_BYTES,)


def test_fingerprints_alone_are_those_of_measurements_for_any_number_of_threads(
    config: Config, kept_clips: Path
) -> None:
    clips = data.Clips(kept_clips)
    indices = [5, 0, 3]
    measured = [scoring.measure(config, clips, index, no_networks).fingerprint for index in indices]
    np.testing.assert_array_equal(scoring.fingerprints(config, clips, indices), measured)
