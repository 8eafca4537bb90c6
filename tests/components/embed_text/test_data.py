"""Every caption is found in its shard, and no other is."""

from pathlib import Path

import numpy as np
import pytest

from components.common import artifacts
from components.embed_text import data

WIDTH = 3
CAPTIONS = sorted(["a red star", "a blue star", "été", "zebra", "Zebra", "aa"])


def vectors(caption: str) -> data.Vectors:
    return np.random.default_rng(len(caption)).random((len(caption), WIDTH)).astype(np.float16)


@pytest.fixture(params=[1, 2, 4, 10])
def embeddings(request: pytest.FixtureRequest, tmp_path: Path) -> data.Embeddings:
    with artifacts.fresh(tmp_path / "embeddings") as folder:
        for number, start in enumerate(range(0, len(CAPTIONS), request.param)):
            captions = CAPTIONS[start : start + request.param]
            (folder / data.shard_name(number)).write_bytes(data.shard(captions, [vectors(each) for each in captions]))
        artifacts.describe(folder, data.KIND, inputs={}, counts={}, facts={"width": WIDTH})
    return data.Embeddings(tmp_path / "embeddings")


def test_every_caption_has_its_own_vectors(embeddings: data.Embeddings) -> None:
    assert len(embeddings) == len(CAPTIONS)
    for caption in CAPTIONS:
        assert np.array_equal(embeddings.lookup(caption), vectors(caption))
        assert embeddings.lookup(caption).dtype == np.float16


def test_the_empty_caption_has_none(embeddings: data.Embeddings) -> None:
    assert embeddings.lookup("").shape == (0, WIDTH)
    assert embeddings.width == WIDTH


@pytest.mark.parametrize("caption", ["A", "b", "~", "a red", "zzz"])
def test_an_unknown_caption_is_named(embeddings: data.Embeddings, caption: str) -> None:
    with pytest.raises(KeyError, match=caption):
        embeddings.lookup(caption)


def test_equal_vectors_are_equal_bytes() -> None:
    found = [vectors(caption) for caption in CAPTIONS]
    assert data.shard(CAPTIONS, found) == data.shard(CAPTIONS, found)
