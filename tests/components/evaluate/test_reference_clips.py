from types import SimpleNamespace

import numpy as np

from components.evaluate.reference_clips import unrelated


def test_every_sample_is_paired_with_another_clips():
    samples = [SimpleNamespace(clip_id=name) for name in "aabc"]
    assert unrelated(samples) == [(0, 2), (1, 2), (2, 3), (3, 0)]
    assert unrelated(samples[:2]) == []


def test_a_reconstruction_has_the_size_of_the_clip(references, heldout, media):
    clip_id = heldout[0].clip_id
    for fmt in (media.formats.clip, media.formats.clip.scaled(2)):
        assert references.reconstruction(clip_id, fmt).shape == references.pixels(clip_id, fmt).shape
    sound, back = references.audio(clip_id, 5), references.reconstructed_audio(clip_id, 5)
    assert sound.shape == back.shape == (5000,)
    np.testing.assert_allclose(back[:4480], sound[:4480] / 2)
    assert not back[4480:].any()
