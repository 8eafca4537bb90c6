"""Whatever arrives, every clip is kept or dropped for one reason."""

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.common import artifacts
from components.filter import data
from components.filter.config import Config
from tests.components.filter.conftest import Run

CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "motion": st.just(0.0),
        "end_s": st.just(0.5),
        "width_px": st.just(16),
        "caption": st.sampled_from(["", "IMG_2031.mov", "word " * 300]),
        "license": st.sampled_from(["unknown", "CC0-1.0"]),
        "split": st.sampled_from(["", "train", "heldout"]),
    },
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mixture=st.lists(st.tuples(st.integers(0, 13), CHANGES), max_size=6))
def test_kept_and_dropped_are_what_arrived(
    run: Run, config: Config, kept_clips: Path, mixture: list[tuple[int, dict[str, object]]]
) -> None:
    clips = data.Clips(kept_clips)
    rows = [clips.row(index) for index in range(len(clips))]
    for number, (index, change) in enumerate(mixture):
        name = f"{number:064x}"
        clip = replace(rows[index].clip, clip_id=name, source_sha256=name[::-1])
        rows.append(replace(rows[index], clip=replace(clip, **change)))
    with tempfile.TemporaryDirectory() as place:
        arrived, filtered = Path(place) / "clips", Path(place) / "filtered"
        with artifacts.fresh(arrived) as folder:
            data.write(folder, rows)
            artifacts.describe(folder, "clips", inputs={}, counts={}, facts=data.facts(clips.formats))
        summary = run(config, clips=arrived, output=filtered)
        book = pq.read_table(filtered / data.SCORES).to_pylist()
        kept = {clip.clip_id for clip in data.Clips(filtered)}
    assert sorted(row["clip_id"] for row in book) == sorted(row.clip.clip_id for row in rows)
    assert {row["clip_id"] for row in book if not row["reason"]} == kept
    assert Counter(row["reason"] for row in book if row["reason"]) == summary.dropped
    assert summary.counts["kept"] + sum(summary.dropped.values()) == summary.counts["arrived"] == len(rows)
