"""Calls to a cluster's API that outlive its moods: what may pass (408, 410, 429, 5xx, no answer) is tried again.

What may not pass is a ValueError that says what to do; 404 and 409 are for the caller, as ApiException.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Any

from kubernetes import client, config
from kubernetes.client import ApiException
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError

from components.common import errors
from flows.kubernetes.job_spec import JOB, Manifest
from flows.machine.processes import Interrupted
from flows.machine.retry import WAITS_S, patiently

ANSWER_S = 30.0
CONNECTIONS = 100  # that are kept: one for the lines of each stage that runs
GONE_S = 300.0  # for a deleted Job: longer than its pods' grace
LAST_WAITS_S = (0.5, 1.0, 2.0, 5.0, 10.0)  # of a delete: also a run that was stopped takes the time for it
NOT_ALLOWED, ABSENT, CONFLICT = (401, 403), 404, 409
PASSING = (408, 410, 429)  # 410: what was asked for is too old to be told, so ask anew


class Cluster:
    """One namespace of a cluster, as the present kubeconfig or the pod's own account reaches it. Any thread may call.

    Raises Interrupted if `stopping` is set while it waits to try again.
    """

    def __init__(self, namespace: str, stopping: Event):
        self.namespace, self._stopping = namespace, stopping
        api = _api_client()
        self.batch, self.core = client.BatchV1Api(api), client.CoreV1Api(api)

    def job(self, name: str) -> Any:
        """The Job, or None."""
        return self._ask(self.batch.read_namespaced_job, name)

    def pods(self, job: str) -> list[Any]:
        """The pods of a Job."""
        found: list[Any] = self._ask(self.core.list_namespaced_pod, label_selector=f"{JOB}={job}").items
        return found

    def create_job(self, manifest: Manifest) -> bool:
        """Create a Job; False if there is one of this name already."""
        return self._create(self.batch.create_namespaced_job, manifest)

    def create(self, manifest: Manifest) -> bool:
        """Create a ConfigMap or a Service; False if there is one of this name already."""
        match manifest["kind"]:
            case "ConfigMap":
                return self._create(self.core.create_namespaced_config_map, manifest)
            case _:
                return self._create(self.core.create_namespaced_service, manifest)

    def delete_job(self, name: str) -> None:
        """Ask for the end of a Job and of all that belongs to it; its pods get their grace."""
        call = self.batch.delete_namespaced_job
        self._ask(call, name, propagation_policy="Foreground", stopping=Event(), waits_s=LAST_WAITS_S)

    def await_end(self, name: str) -> None:
        """Wait until a deleted Job is gone; raises errors.Retryable if that takes too long."""
        step_s = 0.2
        for _ in range(int(GONE_S / step_s)):
            if self.job(name) is None:
                return
            if self._stopping.wait(step_s):
                raise Interrupted
        raise errors.Retryable(f"the Job {name} was deleted and does not go")

    def _create(self, call: Callable[..., Any], manifest: Manifest) -> bool:
        try:
            made = self._ask(call, body=manifest)
        except ApiException as error:
            if error.status == CONFLICT:
                return False
            raise
        if made is None:
            raise ValueError(f"the cluster has no namespace `{self.namespace}`: k8s/README.md says how to make it")
        return True

    def _ask(
        self,
        call: Callable[..., Any],
        *arguments: Any,
        stopping: Event | None = None,
        waits_s: Sequence[float] = WAITS_S,
        **options: Any,
    ) -> Any:
        def ask() -> Any:
            with answered():
                return call(*arguments, namespace=self.namespace, _request_timeout=ANSWER_S, **options)

        try:
            return patiently(ask, stopping or self._stopping, waits_s)
        except ApiException as error:
            if error.status == ABSENT:
                return None
            raise


@contextmanager
def answered() -> Iterator[None]:
    """A cluster's fault within the block as `errors.Retryable` if it may pass, as ValueError if a person must act."""
    try:
        yield
    except ApiException as error:
        if error.status in PASSING or error.status >= 500 or not error.status:
            raise errors.Retryable(f"the cluster answers {error.status} {error.reason}") from error
        if error.status in NOT_ALLOWED:
            raise ValueError(f"the cluster refuses ({_words(error)}): k8s/base/rbac.yaml has the rights") from error
        if error.status in (ABSENT, CONFLICT):
            raise
        raise ValueError(f"the cluster does not take what it was sent: {_words(error)}") from error
    except (HTTPError, OSError) as error:
        raise errors.Retryable(f"the cluster does not answer: {error}") from error


def _words(error: ApiException) -> str:
    return str(error.reason if not error.body else error.body).strip()


def version(seconds: float) -> str:
    """The version of the cluster that is known here, asked once; raises ValueError if none is, or none answers."""
    try:
        found: str = client.VersionApi(_api_client()).get_code(_request_timeout=seconds).git_version
    except (ApiException, HTTPError, OSError) as error:
        raise ValueError(f"the cluster does not answer: {str(error).partition(chr(10))[0]}") from error
    return found


def _api_client() -> Any:
    """The client for KUBECONFIG or ~/.kube/config, or else for the account of the pod that this runs in."""
    file = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube/config")
    settings = client.Configuration()
    settings.connection_pool_maxsize = CONNECTIONS
    settings.client_side_validation = False  # a newer cluster may know more than this client
    with suppress(ConfigException):
        config.load_kube_config(config_file=file, client_configuration=settings)
        return client.ApiClient(settings)
    try:
        config.load_incluster_config(client_configuration=settings)
    except ConfigException:
        raise ValueError(
            f"no cluster is known here: neither {file} nor the account of a pod says where one is"
        ) from None
    return client.ApiClient(settings)
