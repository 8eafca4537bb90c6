"""Where results come from and where sources went, on real folders of clips and a made-up lock."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.common.artifacts import MANIFEST, hash_file
from components.corpus.data import Source
from components.corpus.data import read as read_sources
from components.corpus.data import write as write_sources
from components.ingest.data import Clips
from flows.graph.graph import Artifact, LockEntry
from flows.runs import forward_lineage, lineage

SOURCES = "data/sources.parquet"


def entry(deps: dict[str, str], outs: dict[str, str]) -> LockEntry:
    items = [{path: Artifact(md5) for path, md5 in these.items()} for these in (deps, outs)]
    return LockEntry("make", {}, items[0], items[1])


ENTRIES = {
    "ingest": entry({"codelock/ingest.json": "c0de1", "data/sources.parquet": "50a2ce"}, {"data/clips": "c11b5"}),
    "filter": entry({"data/clips": "c11b5"}, {"data/filtered": "f117e2"}),
    "model": entry({"data/filtered": "f117e2"}, {"models/model": "40de1"}),
    "generate": entry({"models/model": "40de1", "data/filtered": "f117e2"}, {"data/samples": "5a3b1e"}),
    "apart": entry({}, {"apart": "aba27"}),
}


@pytest.fixture
def clips(kept_clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clips:
    """A checkout with clips, all but one source of them kept, a model and a sample of the first kept clip."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(kept_clips, "data/clips")
    shutil.copytree(kept_clips, "data/filtered")
    known = Clips(Path("data/clips"))
    sources = [Source("mine", f"{place}.mp4", 1, clip.source_sha256) for place, clip in enumerate(known)]
    write_sources(Path("data/sources.parquet"), sources)
    dropped = known[0].source_sha256
    for path in Path("data/filtered").glob("clips-*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.filter(pa.compute.not_equal(table["source_sha256"], dropped)), path)
    rows = [{"clip_id": known[0].clip_id, "reason": "too_still", "detail": ""}]
    pq.write_table(pa.Table.from_pylist(rows), "data/filtered/scores.parquet")
    for folder in ("models/model", "apart", "data/samples/media"):
        Path(folder).mkdir(parents=True)
    Path("models/model/model.safetensors").write_bytes(b"weights")
    files = {"model.safetensors": hash_file(Path("models/model/model.safetensors"))}
    Path("models/model", MANIFEST).write_text(json.dumps({"files": files}))
    Path("data/samples/media/a.mp4").write_bytes(b"sample")
    sample = {
        "path": "media/a.mp4",
        "task": "image-to-video",
        "prompt": "a ball",
        "seed": 7,
        "clip_id": known[1].clip_id,
    }
    pq.write_table(pa.Table.from_pylist([sample]), "data/samples/samples.parquet")
    return known


def test_a_sample_leads_back_to_model_clips_and_sources(clips):
    lines = list(lineage.lines(ENTRIES, "data/samples/media/a.mp4"))
    assert "    image-to-video, prompt 'a ball', seed 7" in lines
    assert f"    belongs to clip {clips[1].clip_id}" in lines
    assert any(f"of source mine/1.mp4 sha256 {clips[1].source_sha256}" in line for line in lines)
    made = [line.split()[0] for line in lines if " made by " in line and not line.startswith(" ")]
    assert made == ["data/samples", "models/model", "data/filtered", "data/clips", "data/sources.parquet"]
    assert "models/model  40de1  made by model" in lines
    assert "    from data/filtered  f117e2" in lines
    assert f"{len(clips)} sources in data/sources.parquet" in lines
    assert not any("codelock" in line or "apart" in line for line in lines)


def test_a_hash_is_enough(clips):
    by_path = list(lineage.lines(ENTRIES, "models/model"))
    assert list(lineage.lines(ENTRIES, "40de1")) == by_path
    assert list(lineage.lines(ENTRIES, hash_file(Path("models/model", MANIFEST))[:8])) == by_path
    weights = list(lineage.lines(ENTRIES, hash_file(Path("models/model/model.safetensors"))[:8]))
    assert weights[0].startswith("models/model/model.safetensors  sha256 ")
    assert weights[1:] == by_path


@pytest.mark.parametrize(
    ("target", "words"), [("nowhere", "is not a file"), ("ff", "is not a file"), ("ffff", "no input or output")]
)
def test_what_is_unknown_is_an_error_in_words(clips, target, words):
    with pytest.raises(ValueError, match=words):
        list(lineage.lines(ENTRIES, target))


def test_a_source_leads_forward_to_all_that_holds_it_or_was_made_from_it(clips):
    lines = list(forward_lineage.lines(ENTRIES, "mine/1.mp4"))
    assert lines[0] == f"source mine/1.mp4  sha256 {clips[1].source_sha256}  listed in data/sources.parquet"
    assert [line.split()[0] for line in lines[1:-1]][:4] == [
        "data/clips",
        "data/filtered",
        "models/model",
        "data/samples",
    ]
    assert "data/filtered  made by filter: contains 1 rows" in lines[2]
    assert lines[3] == "models/model  made by model: from data/filtered"
    assert lines[-1] == "1 clips of it; 4 outputs contain it or were made from it, or may be"
    assert list(forward_lineage.lines(ENTRIES, clips[1].source_sha256[:8])) == lines


def test_a_source_that_is_gone_or_forgotten_is_still_known_and_a_name_means_what_is_there_now(clips):
    table = [replace(one, state="forgotten") if one.path == "1.mp4" else one for one in read_sources(Path(SOURCES))]
    write_sources(Path(SOURCES), [*table, Source("mine", "2.mp4", 1, "a" * 64, state="gone")])
    lines = list(forward_lineage.lines(ENTRIES, clips[1].source_sha256))
    assert lines[0].endswith("listed in data/sources.parquet, forgotten")
    assert "data/filtered  made by filter: contains 1 rows" in lines[2]
    assert lines[-1].endswith("`videopoet gc --keep last=1 --remote --yes` deletes them")
    back = list(lineage.lines(ENTRIES, "data/samples/media/a.mp4"))
    assert any(f"of source mine/1.mp4 (forgotten) sha256 {clips[1].source_sha256}" in line for line in back)
    assert f"{len(clips) - 1} sources in data/sources.parquet" in back
    assert f"sha256 {clips[2].source_sha256}" in next(forward_lineage.lines(ENTRIES, "mine/2.mp4"))
    assert next(forward_lineage.lines(ENTRIES, "a" * 64)).endswith(", gone")


def test_the_trace_of_a_dropped_source_ends_where_it_was_dropped(clips):
    lines = list(forward_lineage.lines(ENTRIES, "0.mp4"))
    assert "data/filtered  made by filter: contains none of it (dropped: too_still)" in lines
    assert not any(line.startswith(("models/model", "data/samples")) for line in lines)


def test_a_held_out_source_was_measured_on_only(clips):
    place = next(place for place, clip in enumerate(clips) if clip.split == "heldout" and place)
    train = next(place for place, clip in enumerate(clips) if clip.split == "train" and place)
    words = "all of it is held out: models were evaluated on it, not trained on it"
    assert words in list(forward_lineage.lines(ENTRIES, f"mine/{place}.mp4"))
    assert words not in list(forward_lineage.lines(ENTRIES, f"mine/{train}.mp4"))


def test_an_unknown_source_is_an_error_in_words(clips):
    with pytest.raises(ValueError, match="0 sources match nobody"):
        list(forward_lineage.lines(ENTRIES, "nobody"))


def test_the_trace_goes_on_past_an_output_that_is_not_here(clips):
    shutil.rmtree("models/model")
    lines = list(forward_lineage.lines(ENTRIES, "mine/1.mp4"))
    missing = "models/model  made by model: is missing and may contain it; restore it with `videopoet run model`"
    assert missing in lines
    assert any(line.startswith("data/samples  made by generate") for line in lines)


def test_what_was_made_from_earlier_clips_may_hold_a_source_that_has_left_them(clips):
    assert not any(line.startswith("models/model") for line in forward_lineage.lines(ENTRIES, "0.mp4"))
    anew = ENTRIES | {"filter": entry({"data/clips": "c11b5"}, {"data/filtered": "0ther"})}
    lines = list(forward_lineage.lines(anew, "0.mp4"))
    assert "models/model  made by model: from an earlier data/filtered, which may contain it" in lines
    assert any(line.startswith("data/samples  made by generate: from models/model, an earlier") for line in lines)


def test_a_clip_leads_back_to_the_bytes_it_came_from(clips):
    lines = list(lineage.lines(ENTRIES, clips[1].clip_id[:12]))
    assert lines[0] == f"clip {clips[1].clip_id}"
    assert all(f"of source mine/1.mp4 sha256 {clips[1].source_sha256}" in line for line in lines[1:])
    assert [line.split()[1].rsplit("/", 1)[0] for line in lines[1:]] == ["data/clips", "data/filtered"]
