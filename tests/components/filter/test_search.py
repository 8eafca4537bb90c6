"""What is found does not depend on how it is looked for, nor what is held on how much is found."""

import resource
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from components.common.runtime import Runtime, use
from components.filter import duplicates, mapped, search
from components.filter.duplicates import INSTANTS, SIDE_PX
from components.media.arrays import Pixels

DISTANCE = 0.057


def prints_of(count: int, waves: int = 6, seed: int = 0) -> Pixels:
    """Fingerprints of soft spots, the same at all instants, in gray."""
    generator = np.random.default_rng(seed)
    spots = (generator.integers(0, 256, (waves, waves), np.uint8) for _ in range(count))
    stills = [cv2.resize(one, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC).ravel() for one in spots]
    gray = np.full(duplicates.COLORS, 128, np.uint8)
    return np.stack([np.concatenate([still] * INSTANTS + [gray]) for still in stills])


def blends(count: int) -> Pixels:
    """Fingerprints that are alike, some of them copies: halves of two of a few, and noise."""
    generator = np.random.default_rng(1)
    first, second = prints_of(12)[generator.integers(0, 12, (2, count))].astype(np.float32)
    blend = (first + second) / 2
    blend[:, : duplicates.LUMA] += np.tile(generator.normal(0, 2, (count, SIDE_PX**2)), INSTANTS)
    return np.clip(np.rint(blend), 0, 255).astype(np.uint8)


def met(prints_NB: Pixels, kinds: list[int] | None = None) -> list[tuple[int, int]]:
    of_kind_N = np.array(kinds or [0] * len(prints_NB), np.int64)
    return sorted((int(i), int(j)) for part_P2 in search.candidates(prints_NB, of_kind_N) for i, j in part_P2)


def test_each_near_pair_that_meets_is_found_and_no_other() -> None:
    prints = blends(300)
    compared = np.array(met(prints))
    first, second = prints[compared[:, 0]], prints[compared[:, 1]]
    near = duplicates.differences(first, second) < DISTANCE
    expected = [(int(i), int(j)) for i, j in compared[near]]
    assert search.near_duplicates(prints, ["video"] * 300, DISTANCE) == expected
    assert (len(compared), len(expected)) == (674, 527)  # as many as when all pairs of all bands were held together


def test_those_of_a_bucket_meet_the_next_few_once_however_many_bands_they_share() -> None:
    same = np.repeat(prints_of(1), 100, axis=0)
    expected = [(i, j) for i in range(100) for j in range(i + 1, min(i + search.WINDOW, 99) + 1)]
    assert met(same) == expected
    apart = [(2 * i, 2 * j) for i, j in expected if j < 50]
    apart += [(i + 1, j + 1) for i, j in apart]
    assert met(same, [0, 1] * 50) == sorted(apart)


@pytest.mark.parametrize(("clips", "pairs"), [(3, 1), (7, 5), (64, 1000)])
def test_nothing_depends_on_the_size_of_a_chunk(clips: int, pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    prints = blends(120)
    kinds = ["video", "image"] * 60
    compared, near = met(prints), search.near_duplicates(prints, kinds, DISTANCE)
    assert near
    monkeypatch.setattr(search, "CLIPS", clips)
    monkeypatch.setattr(search, "PAIRS", pairs)
    assert met(prints) == compared
    assert search.near_duplicates(prints, kinds, DISTANCE) == near


def test_how_far_a_pair_is_apart_does_not_depend_on_the_pairs_beside_it() -> None:
    prints = blends(40)
    together = duplicates.differences(prints[:20], prints[20:])
    alone = [duplicates.differences(prints[i : i + 1], prints[20 + i : 21 + i])[0] for i in range(20)]
    np.testing.assert_array_equal(together, alone)


def test_no_shape_falls_beyond_the_bins() -> None:
    lines = np.random.default_rng(0).standard_normal((search.SHAPES, search.BANDS * search.PROJECTIONS))
    assert np.linalg.norm(lines, axis=0).max() / search.BIN + 1 < search.BINS // 2


def test_in_files_the_same_is_found_and_nothing_is_left_of_them(tmp_path: Path) -> None:
    prints = blends(120)
    with use(Runtime(tmp_path / "scratch", tmp_path / "cache")):
        kept = mapped.stacked(prints, 120, duplicates.FINGERPRINT_BYTES)
        assert f"{tmp_path}/scratch/" in Path("/proc/self/maps").read_text()  # the array is a file
        found = search.near_duplicates(kept, ["video"] * 120, DISTANCE, mapped.empty)
    assert not list((tmp_path / "scratch").iterdir())
    assert found == search.near_duplicates(prints, ["video"] * 120, DISTANCE)


def test_what_is_held_beside_the_files_is_a_few_numbers_a_clip(tmp_path: Path) -> None:
    peaks = []
    for count in (4_000, 16_000):
        prints, of_kind = prints_of(count, waves=5), np.zeros(count, np.int64)
        with use(Runtime(tmp_path / "scratch", tmp_path / "cache")):
            tracemalloc.start()
            assert sum(map(len, search.candidates(prints, of_kind, mapped.empty)))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 12_000 < 64


def test_a_disk_without_room_is_said_at_once(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with use(Runtime(tmp_path / "scratch", tmp_path / "cache")):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                mapped.empty((2 << 20,), np.uint8)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        mapped.empty((1 << 20,), np.uint8)[:] = 1
