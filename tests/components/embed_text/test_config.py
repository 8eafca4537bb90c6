import pytest

from components.common.formats import Formats
from components.embed_text.config import Config


@pytest.mark.parametrize(("batch", "shard"), [(0, 1), (1, 0)])
def test_sizes_must_be_positive(formats: Formats, batch: int, shard: int) -> None:
    with pytest.raises(ValueError, match="batch_captions and shard_captions must be positive"):
        Config(formats, 1, batch, shard)
