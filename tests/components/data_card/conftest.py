"""Made-up clips that went through the filter, some of them dropped, beside a quarantine of files that gave none."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.common import artifacts
from components.common.formats import Formats
from components.data_card.config import Config
from components.filter import data
from components.filter import stage as filtering
from components.filter.config import Config as Rules
from components.ingest.stage import QUARANTINE
from tests.components.filter.conftest import usual

HOSTILE = "<script>alert(1)</script> \u202egnp.exe"


@pytest.fixture(scope="session")
def config(formats: Formats) -> Config:
    return Config(formats, threads=1, seed=1, kept_shown=5, dropped_shown=2, tile_px=32, max_drift=0.25)


@pytest.fixture(scope="session")
def clips(kept_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fourteen clips, three that the filter drops, and four files of six that gave some."""
    made = data.Clips(kept_clips)
    rows = [made.row(index) for index in range(len(made))]
    still = {"motion": 0.0, "caption": HOSTILE}
    for name, change in (("a", still), ("b", still | {"license": "CC0-1.0"}), ("c", {"end_s": 0.5})):
        clip = replace(rows[0].clip, clip_id=name * 64, source_sha256=name * 64, **change)
        rows.append(replace(rows[0], clip=clip))
    refused = [
        {"id": "d" * 64, "path": "mine/empty.mp4", "stage": "ingest", "reason": "empty_file", "detail": "0 bytes"},
        {"id": "e" * 64, "path": f"mine/{HOSTILE}", "stage": "ingest", "reason": "not_media", "detail": "text"},
    ]
    folder = tmp_path_factory.mktemp("card") / "clips"
    with artifacts.fresh(folder) as fresh:
        count = data.write(fresh, rows)
        pq.write_table(pa.Table.from_pylist(refused, schema=QUARANTINE), fresh / "quarantine.parquet")
        counts = {"arrived": 6, "kept": 4, "clips": count}
        dropped = {"empty_file": 1, "not_media": 1}
        artifacts.describe(fresh, "clips", inputs={}, counts=counts, dropped=dropped, facts=data.facts(made.formats))
    return folder


@pytest.fixture(scope="session")
def rules(formats: Formats) -> Rules:
    return usual(formats)


@pytest.fixture(scope="session")
def filtered(clips: Path, rules: Rules, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("filtered")
    with artifacts.fresh(root / "pretrained") as folder:
        artifacts.describe(folder, "pretrained", inputs={}, counts={})
    filtering.run(rules, clips=clips, pretrained=root / "pretrained", output=root / "filtered")
    return root / "filtered"


@pytest.fixture
def nothing(tmp_path: Path) -> Path:
    """A reference that says that there is none."""
    path = tmp_path / "reference_card.json"
    path.write_text("{}\n")
    return path
