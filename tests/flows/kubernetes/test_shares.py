"""Data stages whose items several pods share."""

import os
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from tests.clones import clone, outputs, run, videopoet
from tests.flows.kubernetes.api import Api, kubeconfig, served
from tests.flows.kubernetes.cluster import Cluster
from tests.flows.kubernetes.conftest import CORES
from tests.flows.kubernetes.processes import ProcessPod

pytestmark = pytest.mark.slow


def test_files_and_clips_are_done_in_parts_and_what_is_kept_is_that_of_one_machine(tmp_path, monkeypatch):
    folder, image, api = clone(tmp_path / "clone"), clone(tmp_path / "image"), Api()
    run(folder, "dvc", "init", "-q", "--force")
    run(folder, "dvc", "remote", "add", "-q", "--default", "shared", str(tmp_path / "remote"))
    placement = yaml.safe_load((folder / "k8s/placement.yaml").read_text())
    parts = {"stages": {"ingest": {"parts": 3, "parallelism": 2}, "filter": {"parts": 2}}}
    (folder / "k8s/placement.yaml").write_text(yaml.safe_dump(placement | parts))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")  # of the pods
    with served(api) as url:
        (tmp_path / "kubeconfig").write_text(kubeconfig(url))
        cluster = Cluster(api, url, tmp_path, image, ProcessPod, CORES)
        said = videopoet(folder, "run", "filter", "--on", "kubernetes")
        cluster.close()
    shares = sorted(
        int(pod.spec["hostname"].rpartition("-")[2]) for pod in cluster.pods.values() if "-parts-" in pod.pod
    )
    assert shares == [0, 0, 1, 1, 2]
    assert "of 3 parts done" in said
    cache = tmp_path / "claims/videopoet-scratch/cache"
    assert list(cache.glob("ingest/*/*/*.arrow"))
    assert list(cache.glob("filter/*/*/*.parquet"))
    there = outputs(folder)
    (folder / "dvc.lock").unlink()
    run(folder, "dvc", "remote", "remove", "-q", "shared")
    shutil.rmtree(folder / ".dvc/cache", ignore_errors=True)
    videopoet(folder, "run", "filter")
    assert outputs(folder) == there
