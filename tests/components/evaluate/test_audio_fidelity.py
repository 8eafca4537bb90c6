import numpy as np
import pytest

from components.evaluate import audio_fidelity


def audio_metrics(samples, media, references):
    return {measure.name: measure for measure in audio_fidelity.audio_metrics(samples, media, references)}


def test_the_true_sound_beats_silence_and_other_sounds(made, media, references, heldout):
    samples = [
        made(
            i,
            references.pixels(clip.clip_id, media.formats.clip),
            task="video_to_audio",
            clip=clip,
            wave=references.audio(clip.clip_id, 5),
        )
        for i, clip in enumerate(heldout[:3])
    ]
    found = audio_metrics(samples, media, references)
    spectra, pitch = found["mel_l1"], found["pitch_agreement"]
    assert max(spectra.values) < spectra.chance / 2
    assert max(spectra.values) < min(spectra.baselines)
    assert 0 < spectra.reconstruction_ceiling < min(spectra.baselines)
    likeness = found["mel_correlation"]
    assert min(likeness.values) > 0.9 > likeness.chance
    assert likeness.baselines == pytest.approx([0.0] * 3, abs=1e-6)
    assert min(pitch.values) > 0.9
    assert pitch.chance < 0.1


def test_a_sample_without_sound_is_silent(made, media, references, heldout):
    clip = heldout[0]
    sample = made(0, references.pixels(clip.clip_id, media.formats.clip), task="video_to_audio", clip=clip)
    spectra = audio_metrics([sample], media, references)["mel_l1"]
    assert spectra.values == pytest.approx(spectra.baselines)
    assert spectra.chance is None


def test_given_sound_is_not_counted(made, media, references, heldout):
    clip = heldout[0]
    true = references.audio(clip.clip_id, 5)
    half = np.where(np.arange(len(true)) < media.formats.samples(3), true, 0).astype(np.float32)
    frames = references.pixels(clip.clip_id, media.formats.clip)
    sample = made(0, frames, task="audio_video_continuation", clip=clip, wave=half, given_frames=3)
    spectra = audio_metrics([sample], media, references)["mel_l1"]
    assert spectra.values == pytest.approx(spectra.baselines, rel=0.1)
