"""Somebody who can write to the remote gets nothing written, deleted, read or believed that the hashes do not cover."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from hashlib import md5
from pathlib import Path

import boto3
import pytest
import yaml

from flows.dvc import pins
from flows.dvc.handoff import RemoteHandoff
from flows.dvc.listings import copy_out, parsed
from flows.dvc.repository import Repository
from flows.graph import lockfile
from flows.graph.graph import Artifact
from flows.graph.untrusted import Untrusted
from flows.machine.workspace import Workspace
from flows.runs import run_records
from tests import s3
from tests.flows.conftest import Checkout, settle
from tests.flows.dvc.test_pins import USES
from tests.flows.graph.test_untrusted import UNSAFE

WAYS: dict[str, Callable[[Repository, str], object]] = {  # in which an output gets to this machine
    "checkout": lambda repository, _: repository.checkout("seed"),
    "copy out": lambda repository, md5: copy_out(repository, md5, Path("copied")),
    "inputs of a pod": lambda repository, _: RemoteHandoff(repository).pull_inputs("left"),
    "pin": lambda repository, _: repository.prepare("uses"),
    "run-cache": lambda repository, _: repository.restore("seed", "remote"),
}


@pytest.fixture(scope="module")
def prepared(templates, tmp_path_factory) -> Path:
    """A checkout and its remote, which has what `seed` made, prepared once."""
    folder = tmp_path_factory.mktemp("hostile")
    shutil.copytree(templates / "fresh", folder / "checkout")
    with pytest.MonkeyPatch.context() as patch:
        settle(patch, folder / "checkout")
        subprocess.run(["dvc", "remote", "add", "-q", "--default", "store", "../store"], check=True)
        Checkout(folder / "checkout").bring("seed")
        repository = Repository(folder / "checkout")
        repository.push(["seed"])
        Path("dvc.yaml").write_text(Path("dvc.yaml").read_text() + USES)
        pins.write(Path("base.dvc"), {"given/seed": repository.recorded("seed").outs["out/seed"]})
        shutil.rmtree("out")
        shutil.rmtree(".dvc/cache")
        shutil.rmtree(".dvc/tmp")
    return folder


@pytest.fixture
def shared(prepared, tmp_path, monkeypatch) -> Path:
    """The remote, which has what `seed` made; this machine has the lock alone, and a stage `uses` of a pin."""
    for name in ("checkout", "store"):
        shutil.copytree(prepared / name, tmp_path / name)
    settle(monkeypatch, tmp_path / "checkout")
    return tmp_path / "store"


@pytest.fixture
def victim(tmp_path) -> Iterator[Path]:
    """A file outside of checkout and remote that must stay as it is."""
    path = tmp_path / "victim"
    path.write_text("mine\n")
    known = {found for found in tmp_path.iterdir()}
    yield path
    assert path.read_text() == "mine\n"
    assert {found for found in tmp_path.iterdir()} - known <= {tmp_path / "store", tmp_path / "site"}


def put(remote: Path, content: bytes, suffix: str = "") -> str:
    """Put an object into the remote; returns its hash, which is right."""
    digest = md5(content).hexdigest() + suffix
    path = remote / "files/md5" / digest[:2] / digest[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return digest


def name_everywhere(remote: Path, digest: str) -> None:
    """Let all that names what `seed` made (lock, pin, run-cache) name the output `digest`."""
    (old,) = (item.md5 for item in lockfile.read(Path("dvc.lock"))["seed"].outs.values())
    lines = yaml.safe_load(Path("dvc.lock").read_text())
    lines["stages"]["left"] = {"cmd": "x", "deps": [{"path": "out/seed", "md5": old, "hash": "md5"}]}
    Path("dvc.lock").write_text(yaml.safe_dump(lines))
    for path in (Path("dvc.lock"), Path("base.dvc"), *remote.glob("runs/*/*/*")):
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, digest))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("leads", ["up", "absolute", "back", "through a link", "nul"])
def test_a_listing_with_a_right_hash_writes_nothing_outside_of_its_output(shared, victim, way, leads):
    path = {
        "up": "../../../victim",
        "absolute": str(victim),
        "back": "sub/../../../../victim",
        "through a link": "link/victim",
        "nul": "text\0",
    }[leads]
    for folder in ("out/seed", "given/seed", "copied"):
        Path(folder).mkdir(parents=True)
        Path(folder, "link").symlink_to(victim.parent)
    evil = put(shared, b"evil\n")
    items = [{"md5": evil, "relpath": path}, {"md5": evil, "relpath": "text"}]
    digest = put(shared, json.dumps(items).encode(), ".dir")
    name_everywhere(shared, digest)
    with pytest.raises(Untrusted, match=f"the listing {digest} is refused"):
        WAYS[way](Repository(Path.cwd()), digest)
    assert not any(Path(folder, "text").exists() for folder in ("out/seed", "given/seed", "copied"))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["relative", "absolute", "of a listing", "short", "no text"])
def test_a_hash_in_a_listing_is_no_way_out_of_the_cache(shared, victim, way, kind):
    up = os.path.relpath(victim, Path(".dvc/cache/files/md5").absolute())
    name = {"relative": f"..{up[2:]}", "absolute": f"//{victim}", "short": "aa", "no text": 7}
    name["of a listing"] = put(shared, b"[]", ".dir")
    digest = put(shared, json.dumps([{"md5": name[kind], "relpath": "text"}]).encode(), ".dir")
    name_everywhere(shared, digest)
    with pytest.raises(Untrusted, match=f"the listing {digest} is refused"):
        WAYS[way](Repository(Path.cwd()), digest)
    assert not Path("out/seed/text").exists()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("altered", ["text", "manifest.json", "metrics.json", "the listing", "emptied"])
def test_content_with_another_hash_is_refused_named_and_kept_nowhere(shared, victim, way, altered):
    (outs,) = (entry.outs for entry in lockfile.read(Path("dvc.lock")).values())
    name_everywhere(shared, digest := outs["out/seed"].md5)
    listing = shared / "files/md5" / digest[:2] / digest[2:]
    files = {item["relpath"]: item["md5"] for item in json.loads(listing.read_text())}
    name = files["text"] if altered == "emptied" else files.get(altered, digest)
    path = shared / "files/md5" / name[:2] / name[2:]
    path.chmod(0o644)
    path.write_bytes(b"" if altered == "emptied" else path.read_bytes().replace(b"1", b"2") + b" ")
    content = path.read_bytes()
    with pytest.raises(Untrusted, match=rf"remote `store`.* is refused: its content of .*{name}.* does not match"):
        WAYS[way](Repository(Path.cwd()), digest)
    assert not Path(".dvc/cache/files/md5", name[:2], name[2:]).exists()
    assert not any(Path(folder).exists() for folder in ("out/seed", "given/seed"))
    assert path.read_bytes() == content  # people may look at it; nobody's client deletes it


@pytest.mark.parametrize("name", ["text", "manifest.json", "the listing"])
def test_what_was_altered_in_the_cache_is_taken_from_the_remote(shared, name):
    repository = Repository(Path.cwd())
    repository.checkout("seed")
    digest = repository.recorded("seed").outs["out/seed"].md5
    wanted = {item["relpath"]: item["md5"] for item in json.loads(object_of(digest).read_text())}.get(name, digest)
    path = object_of(wanted)
    content = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(b"[]")
    assert copy_out(repository, digest, Path("copied"))
    assert (object_of(wanted).exists(), Path("copied/text").read_text()) == (False, "1\n")
    shutil.rmtree("out")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"[]")
    Repository(Path.cwd()).checkout("seed")
    assert object_of(wanted).read_bytes() == content
    assert Path("out/seed/text").read_text() == "1\n"


def object_of(digest: str) -> Path:
    return Path(".dvc/cache/files/md5", digest[:2], digest[2:])


@pytest.mark.parametrize("path", UNSAFE)
def test_an_unsafe_path_in_a_listing_is_refused(path):
    with pytest.raises(Untrusted, match="the listing called is refused"):
        parsed(json.dumps([{"md5": "a" * 32, "relpath": path}]).encode(), "called")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"7",
        b"null",
        b'"text"',
        b'{"relpath": "a"}',
        b"[7]",
        b'[{"relpath": "a"}]',
        b"[" * 100_000,
        json.dumps([{"md5": "a" * 32, "relpath": "x"}] * 2).encode(),
        json.dumps([{"md5": "a" * 32, "relpath": path} for path in ("x", "x/y")]).encode(),
    ],
)
def test_what_is_no_list_of_distinct_files_is_one_refusal(content):
    with pytest.raises(Untrusted, match="the listing called is refused"):
        parsed(content, "called")


@pytest.mark.parametrize("path", [path for path in UNSAFE if isinstance(path, str)])
def test_an_unsafe_path_of_an_output_in_a_lock_is_refused(path):
    with pytest.raises(Untrusted, match="a lock entry is refused"):
        lockfile.entry_of({"cmd": "x", "outs": [{"path": path, "md5": "a" * 32}]})


@pytest.mark.parametrize("digest", ["../../etc/passwd", "a" * 31, "A" * 32, "", f"{'a' * 32}.dir/..", 7])
def test_what_is_no_hash_in_a_lock_is_refused(digest):
    for kind in ("deps", "outs"):
        with pytest.raises(Untrusted, match="a lock entry is refused"):
            lockfile.entry_of({"cmd": "x", kind: [{"path": "out/x", "md5": digest}]})


@pytest.mark.parametrize("digest", ["../../etc/passwd", "..", "", "a" * 33, "/etc/passwd"])
def test_no_object_is_asked_for_by_what_is_no_hash(shared, victim, digest):
    repository = Repository(Path.cwd())
    for ask in (
        lambda: repository.copy(digest, Path("copied")),
        lambda: repository.remote.content(digest),
        lambda: repository.remote.holds([digest]),
        lambda: repository.remote.missing({"out": Artifact(digest)}),
        lambda: copy_out(repository, digest, Path("copied")),
    ):
        with pytest.raises(Untrusted, match="is refused: it names the hash"):
            ask()
    assert not Path("copied").exists()


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "{",
        "[1, 2]",
        "text",
        "cmd: x\nouts: 7",
        "cmd: x\nouts: [{path: out/seed}]",
        "cmd: x\noutput: []",
        f"cmd: x\nouts: [{{path: out/left, md5: {'a' * 32}}}]",
        f"cmd: x\nouts: [{{path: out/seed, md5: {'a' * 32}}}, {{path: out/more, md5: {'a' * 32}}}]",
    ],
)
def test_a_forged_entry_of_the_run_cache_is_one_refusal_or_none_at_all(shared, forged):
    (path,) = [path for path in shared.glob("runs/*/*/*") if path.is_file()]
    path.write_text(forged)
    repository = Repository(Path.cwd())
    deps = {"codelock/work.json": repository.item("seed", "codelock/work.json")}
    if not forged:
        assert repository.find("seed", deps) is None
        assert repository.restore("seed", "remote") is None
        return
    for ask in (lambda: repository.find("seed", deps), lambda: repository.restore("seed", "remote")):
        with pytest.raises(Untrusted, match=r"entry.* is refused: it (is malformed|has other outputs)"):
            ask()
    assert not Path("out/seed").exists()


def test_a_report_that_a_pod_pushed_stays_within_the_record(checkout, remote, victim):
    checkout.bring("seed")
    repository = Repository(checkout.root)
    repository.push(["seed"])
    evil = put(remote, b"evil\n")
    items = [{"md5": evil, "relpath": name} for name in ("index.html", "../../../../victim")]
    digest = put(remote, json.dumps(items).encode(), ".dir")
    entry = repository.recorded("seed")
    forged = lockfile.entry_of(lockfile.lines_of(entry) | {"outs": [{"path": "out/seed", "md5": digest}]})
    with pytest.raises(Untrusted, match=f"the listing {digest} is refused"):
        run_records.write(Workspace(checkout.root), repository, repository.graph(), {"seed": forged})


def test_every_remote_is_verified_here_in_pods_and_in_fine_tunes(checkout, remote):
    Path(".dvc/config.local").write_text("['remote \"other\"']\n    url = ../other\n    verify = false\n")
    repository = Repository(checkout.root)
    assert all(repository.dvc.cloud.get_remote_odb(name).verify is True for name in (None, "store", "other"))
    assert "verify = true" in RemoteHandoff(repository).config()
    assert pins.settings(repository.dvc).count('verify = "True"') == 2


@pytest.mark.slow
def test_no_key_of_a_record_leads_out_of_its_folder(checkout, tmp_path, monkeypatch, victim):
    for variable, value in s3.CREDENTIALS.items():
        monkeypatch.setenv(variable, value)
    with s3.served(tmp_path / "store") as address:
        settings = f"    url = s3://{s3.BUCKET}/store\n    endpointurl = {address}\n"
        Path(".dvc/config").write_text(f"[core]\n    remote = store\n['remote \"store\"']\n{settings}")
        client = boto3.client("s3", endpoint_url=address, region_name="us-east-1")
        keys = ("../../../../victim", "logs/../../../../../victim", "logs//x", "./x", "a\\b", "x\x07")
        for count, key in enumerate(keys):
            for name in ("record.json", key):
                client.put_object(Bucket=s3.BUCKET, Key=f"store/records/{count:010}/{name}", Body=b"{}")
        for name in ("..", "0", "x" * 10):
            client.put_object(Bucket=s3.BUCKET, Key=f"store/records/{name}/record.json", Body=b"{}")
        remote = Repository(checkout.root).remote
        assert remote.record_names() == [f"{count:010}" for count in range(len(keys))]
        for count in range(len(keys)):
            with pytest.raises(Untrusted, match=f"the record {count:010} is refused: it names the path"):
                run_records.find(Workspace(checkout.root), f"{count:010}")
        assert not [*Path(".videopoet/runs").iterdir()]
