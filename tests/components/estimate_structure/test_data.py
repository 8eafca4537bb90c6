import numpy as np
import pytest

from components.estimate_structure import data


def test_every_clip_comes_back_whatever_its_size(tmp_path):
    random = np.random.default_rng(0)
    sizes = [(3, 4, 4, 3), (3, 7, 4, 3)]
    clips = {f"clip{i}": random.integers(0, 256, sizes[i % 2], dtype=np.uint8) for i in range(70)}
    assert data.write(tmp_path, clips.items()) == 70
    read = data.Structures(tmp_path)
    assert len(read) == 70
    for name in reversed(clips):
        np.testing.assert_array_equal(read.pixels(name), clips[name])


def test_a_clip_without_structure_is_not_there(tmp_path):
    data.write(tmp_path, [])
    read = data.Structures(tmp_path)
    assert "clip" not in read
    with pytest.raises(KeyError):
        read.pixels("clip")
