import contextlib
import hashlib
import io
import os
import tarfile
from pathlib import Path

import boto3
import pytest

from components.common import artifacts, runtime
from components.common.errors import Retryable
from components.corpus import data as corpus_data
from components.ingest import sources, stage, storage
from components.ingest.config import Config
from tests import s3

from .conftest import film, png


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory):
    """Address of a prefix with a film, a picture, their texts and a tar."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3.CREDENTIALS.items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        with s3.served(tmp_path_factory.mktemp("s3") / "log") as address:
            client = boto3.client("s3", endpoint_url=address, region_name="us-east-1")
            packed = io.BytesIO()
            with tarfile.open(fileobj=packed, mode="w") as archive:
                info = tarfile.TarInfo("in tar.png")
                info.size = len(png(3))
                archive.addfile(info, io.BytesIO(png(3)))
            objects = {
                "media/film.mp4": film(20),
                "media/sub/one.png": png(1),
                "media/sub/one.txt": b"one picture",
                "media/shard.tar": packed.getvalue(),
                "media/list.csv": b"path,caption\nfilm.mp4,a film\nnowhere.mp4,nothing\n",
                "other/two.png": png(2),
                "bad/manifest.parquet": b"PAR1" + bytes(90) + b"\x40\0\0\0PAR1",
                "bad/one.png": png(1),
                "bad/sub/manifest.csv": b"path,caption\ntwo.png,second\n",
                "bad/sub/two.png": png(2),
                "bad/shard.tar": b"no tar at all" * 100,
                "cut/shard.tar": packed.getvalue()[: packed.getvalue().index(png(3)) + 10],
            }
            for key, content in objects.items():
                client.put_object(Bucket=s3.BUCKET, Key=key, Body=content)
            port = address.rpartition(":")[2]
            ending = f"?scheme=http&endpoint_override=127.0.0.1%3A{port}&region=us-east-1"
            yield lambda prefix: f"s3://{s3.BUCKET}/{prefix}{ending}"


def test_a_prefix_gives_its_objects_and_the_members_of_its_tars(store):
    first = sources.Scan(storage.storage_of(store("media")), "far")
    assert {source.path: source.caption for source in first.sources} == {
        "film.mp4": "",
        "shard.tar/in tar.png": "",
        "sub/one.png": "one picture",
    }
    assert first.sources[0].sha256 == hashlib.sha256(film(20)).hexdigest()
    again = sources.Scan(storage.storage_of(store("media")), "far", known=first.sources, seen=first.seen)
    assert (first.read, again.read) == (3, 0)
    assert again.sources == first.sources


def test_a_tar_in_a_store_that_ends_too_early_is_a_refusal(store):
    (only,) = sources.Scan(storage.storage_of(store("cut")), "far").sources
    assert (only.path, only.reason) == ("shard.tar", "broken_archive")


def test_damage_in_a_store_is_a_refusal_and_no_fault_of_the_store(store):
    found = sources.Scan(storage.storage_of(store("bad")), "far").sources
    assert {source.path: (source.reason, source.caption) for source in found} == {
        "manifest.parquet": ("broken_manifest", ""),
        "one.png": ("", ""),
        "shard.tar": ("broken_archive", ""),
        "sub/two.png": ("", "second"),
    }
    with pytest.raises(ValueError, match=r"^manifest\.parquet cannot be read: "):
        sources.Scan(storage.storage_of(store("bad")), "far", only="manifest.parquet")


@pytest.mark.parametrize("name", ["manifest.parquet", "manifest.csv", "manifest.jsonl"])
def test_a_store_that_fails_while_a_manifest_is_read_is_no_damage(name, tmp_path, monkeypatch):
    class Failing(io.BytesIO):
        def read(self, *_):
            raise OSError("the line went dead")

        read1 = readinto = readline = __next__ = read

    @contextlib.contextmanager
    def opened(self, _):
        with self._answers():
            yield Failing(b"PAR1")

    far = storage.ObjectStorage(f"file://{tmp_path}")
    (tmp_path / name).write_bytes(b"PAR1")
    monkeypatch.setattr(storage.ObjectStorage, "opened", opened)
    for only in ("", name):
        with pytest.raises(Retryable, match="the line went dead"):
            sources.Scan(far, "far", only=only)


def test_a_manifest_in_a_store_gives_what_it_names(store):
    found = sources.Scan(storage.storage_of(store("media")), "far", only="list.csv").sources
    assert {source.path: (source.state, source.caption) for source in found} == {
        "film.mp4": ("present", "a film"),
        "nowhere.mp4": ("refused", ""),
    }


def test_clips_of_a_store_are_those_of_the_same_files_in_a_folder(
    store, config: Config, empty_corpus: Path, tmp_path: Path
):
    found = sources.Scan(storage.storage_of(store("media")), "far").sources
    corpus_data.write(tmp_path / "sources.parquet", found)
    local = {"film.mp4": film(20), "sub/one.png": png(1)}
    for name, content in local.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(content)
    (tmp_path / "folder/sub/one.txt").write_text("one picture")
    with tarfile.open(tmp_path / "folder/shard.tar", "w") as archive:
        info = tarfile.TarInfo("in tar.png")
        info.size = len(png(3))
        archive.addfile(info, io.BytesIO(png(3)))
    digests = set()
    for number, root in enumerate((store("media"), tmp_path / "folder")):
        with runtime.use(runtime.Runtime(tmp_path / "scratch", tmp_path / f"cache {number}", {"far": root})):
            summary = stage.run(
                config, corpus=empty_corpus, sources=tmp_path / "sources.parquet", output=tmp_path / "clips"
            )
        assert summary.counts["kept"] == 3
        digests.add(artifacts.digest(tmp_path / "clips"))
    assert len(digests) == 1


def test_an_object_that_is_gone_is_no_reason_to_stop(store, tmp_path):
    source = sources.Source("far", "nowhere.mp4", 1, "0" * 64)
    with pytest.raises(FileNotFoundError), storage.local_copy(source, store("media"), tmp_path / "scratch"):
        pass


def test_a_store_that_does_not_answer_may_answer_later(monkeypatch):
    for name, value in s3.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    silent = "s3://bucket/media?scheme=http&endpoint_override=127.0.0.1%3A9&region=us-east-1"
    with pytest.raises(Retryable, match=r"failed: .*Check the network.* run the same command again"):
        sources.Scan(storage.storage_of(silent), "far")


def test_a_store_that_fails_when_it_is_first_asked_is_told_in_one_line():
    with pytest.raises(Retryable, match=r"^hdfs://127\.0\.0\.1:9/media failed: .*Check") as told:
        storage.storage_of("hdfs://127.0.0.1:9/media")
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 600


def test_a_bucket_that_is_not_there_will_not_be_there_later(store):
    elsewhere = store("media").replace(f"//{s3.BUCKET}/", "//nobucket/")
    with pytest.raises(ValueError, match=r"nobucket.* names no existing bucket, correct the address: .*NO_SUCH"):
        sources.Scan(storage.storage_of(elsewhere), "far")


def test_an_address_holds_no_credentials_and_names_a_store():
    with pytest.raises(ValueError, match="leave credentials out"):
        storage.storage_of("s3://key:secret@bucket/media")
    with pytest.raises(ValueError, match="no address of a store"):
        storage.storage_of("nothing://bucket/media")


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    assert [found.refusal for found in storage.LocalStorage(tmp_path).listing()] == ["not_a_file"]
