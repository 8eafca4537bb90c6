"""The chain in containers: real Jobs, played by podman from the image that clusters run, with S3 as the remote.

Pods share no folder with this machine. What they know of the remote is its address, in a ConfigMap; the credentials
come from a Secret that the Job names.
"""

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.graph import fingerprint
from flows.reproduction import comparison
from tests.clones import clone, lock, outputs, run, videopoet
from tests.flows.kubernetes.api import NAMESPACE, Api, kubeconfig, served
from tests.flows.kubernetes.cluster import Cluster
from tests.flows.kubernetes.podman import PodmanPod, missing
from tests.s3 import BUCKET, CREDENTIALS
from tests.s3 import served as served_s3

IMAGE, SECRET = "videopoet:cpu", "videopoet-remote"
CORES = 2
ALONE = {"cpu": 1, "memory": "3Gi", "scratch_claim": ""}  # at profile `test` each stage has one thread
TRAINING = "language_model_image_heavy"
TOLERANCE = 0.01
LACKS = missing(IMAGE)

pytestmark = [pytest.mark.container, pytest.mark.skipif(bool(LACKS), reason=LACKS)]


@pytest.fixture(scope="module")
def settings() -> Iterator[pytest.MonkeyPatch]:
    """The environment of this module's coordinators; the credentials are theirs alone."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield patch


@pytest.fixture(scope="module")
def s3(settings: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An S3 server on this machine, with an empty bucket; its address."""
    with served_s3(tmp_path_factory.mktemp("s3") / "log") as address:
        yield address


@contextmanager
def podman_cluster(folder: Path, settings: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster whose pods are containers, and that knows the Secret; the kubeconfig in the environment is its own."""
    api = Api()
    with served(api) as url:
        (folder / "kubeconfig").write_text(kubeconfig(url))
        settings.setenv("KUBECONFIG", str(folder / "kubeconfig"))
        cluster = Cluster(api, url, folder, folder, PodmanPod, CORES)
        secret = {key: base64.b64encode(value.encode()).decode() for key, value in CREDENTIALS.items()}
        cluster.core.create_namespaced_secret(NAMESPACE, {"metadata": {"name": SECRET}, "data": secret})
        yield cluster
        cluster.close()


def place(folder: Path, **stages: Any) -> None:
    """Write the placement of a clone: that of this repository, small, and `stages`."""
    path = folder / "k8s/placement.yaml"
    own = yaml.safe_load(path.read_text())
    assert (own["defaults"]["image"], own["defaults"]["secret"]) == (IMAGE, SECRET)
    path.write_text(yaml.safe_dump(own | {"defaults": own["defaults"] | ALONE, "stages": stages}))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A clone in which the chain has run on this machine."""
    folder = clone(tmp_path_factory.mktemp("here"))
    videopoet(folder, "run")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def there(
    s3: str, settings: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Cluster]]:
    """A clone whose remote is S3, and a cluster for it."""
    folder = clone(tmp_path_factory.mktemp("there"))
    run(folder, "dvc", "init", "-q", "--force")
    run(folder, "dvc", "remote", "add", "-q", "--default", "shared", f"s3://{BUCKET}/videopoet")
    run(folder, "dvc", "remote", "modify", "shared", "endpointurl", s3)
    place(folder)
    with podman_cluster(tmp_path_factory.mktemp("cluster"), settings) as cluster:
        yield folder, cluster
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def ran(there: tuple[Path, Cluster]) -> tuple[Path, Cluster]:
    """The clone after its chain has run in containers."""
    videopoet(there[0], "run", "--on", "kubernetes")
    return there


def test_the_chain_in_containers_gives_the_hashes_of_this_machine(here: Path, ran: tuple[Path, Cluster]) -> None:
    folder, cluster = ran
    assert lock(folder) == lock(here)
    assert outputs(folder) == outputs(here)
    assert len(cluster.pods) == len(lock(here))
    assert not list(folder.glob("models/*"))


def test_no_object_of_the_cluster_but_the_secret_holds_the_credentials(ran: tuple[Path, Cluster]) -> None:
    _, cluster = ran
    said = json.dumps([one.raw for (kind, _, _), one in cluster.api.objects.items() if kind.plural != "secrets"])
    assert SECRET in said
    assert not any(value in said for value in CREDENTIALS.values())


def test_two_pods_train_one_model_within_tolerance_in_another_numerics_class(
    here: Path, ran: tuple[Path, Cluster]
) -> None:
    folder, cluster = ran
    before = note(folder)
    place(folder, **{TRAINING: {"nodes": 2}})
    count = len(cluster.pods)
    videopoet(folder, "run", TRAINING, "--force", "--on", "kubernetes")
    assert len(cluster.pods) == count + 2
    after = note(folder)
    assert fingerprint.differences(before["numerics"], after["numerics"]) == ["world_size 1 → 2"]
    assert before["outs"] != after["outs"]
    (made,) = after["outs"]
    run(folder, "dvc", "pull", "-q", made)
    names = sorted(path.name for path in (here / made).iterdir())
    assert sorted(path.name for path in (folder / made).iterdir()) == names
    for name in names:
        near = comparison.compare(here / made / name, folder / made / name, TOLERANCE)
        assert near.agrees, f"{name}: {near.text}"


def note(folder: Path) -> dict[str, Any]:
    """What was written down of the training's last run."""
    found: dict[str, Any] = json.loads((folder / ".videopoet/stages" / f"{TRAINING}.json").read_text())
    return found
