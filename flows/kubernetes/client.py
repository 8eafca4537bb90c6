"""Kubernetes API calls with retries: temporary failures (408, 410, 429, 5xx, no answer) are retried.

Permanent failures are ValueErrors that say what to do; 404 and 409 reach the caller as ApiException.
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
from flows.machine.retry import WAITS_S, with_retries

ANSWER_S = 30.0
CONNECTIONS = 100  # pool size: one for the log of each running stage
GONE_S = 300.0  # for the deletion of a Job: longer than its pods' grace period
LAST_WAITS_S = (0.5, 1.0, 2.0, 5.0, 10.0)  # of a delete, also after the run was stopped
NOT_ALLOWED, ABSENT, CONFLICT = (401, 403), 404, 409
TEMPORARY = (408, 410, 429)  # 410: the resource version is too old, so list again


class Cluster:
    """One namespace of a cluster, through the present kubeconfig or the pod's service account. Any thread may call.

    Raises Interrupted if `stopping` is set while it waits for a retry.
    """

    def __init__(self, namespace: str, stopping: Event):
        self.namespace, self._stopping = namespace, stopping
        api = _api_client()
        self.batch, self.core = client.BatchV1Api(api), client.CoreV1Api(api)

    def job(self, name: str) -> Any:
        """Return the Job, or None."""
        return self._ask(self.batch.read_namespaced_job, name)

    def pods(self, job: str) -> list[Any]:
        """Return the pods of a Job."""
        found: list[Any] = self._ask(self.core.list_namespaced_pod, label_selector=f"{JOB}={job}").items
        return found

    def create_job(self, manifest: Manifest) -> bool:
        """Create a Job; False if one of this name exists."""
        return self._create(self.batch.create_namespaced_job, manifest)

    def create(self, manifest: Manifest) -> bool:
        """Create a ConfigMap or a Service; False if one of this name exists."""
        match manifest["kind"]:
            case "ConfigMap":
                return self._create(self.core.create_namespaced_config_map, manifest)
            case _:
                return self._create(self.core.create_namespaced_service, manifest)

    def delete_job(self, name: str) -> None:
        """Delete a Job and all its objects; its pods get their grace period."""
        call = self.batch.delete_namespaced_job
        self._ask(call, name, propagation_policy="Foreground", stopping=Event(), waits_s=LAST_WAITS_S)

    def await_end(self, name: str) -> None:
        """Wait until a deleted Job is gone; raises errors.Retryable after `GONE_S`."""
        step_s = 0.2
        for _ in range(int(GONE_S / step_s)):
            if self.job(name) is None:
                return
            if self._stopping.wait(step_s):
                raise Interrupted
        raise errors.Retryable(f"the Job {name} was deleted but still exists")

    def _create(self, call: Callable[..., Any], manifest: Manifest) -> bool:
        try:
            made = self._ask(call, body=manifest)
        except ApiException as error:
            if error.status == CONFLICT:
                return False
            raise
        if made is None:
            raise ValueError(f"the cluster has no namespace `{self.namespace}`: create it as in k8s/README.md")
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
            with classified_errors():
                return call(*arguments, namespace=self.namespace, _request_timeout=ANSWER_S, **options)

        try:
            return with_retries(ask, stopping or self._stopping, waits_s)
        except ApiException as error:
            if error.status == ABSENT:
                return None
            raise


@contextmanager
def classified_errors() -> Iterator[None]:
    """Raise an API error within the block as `errors.Retryable` if temporary, otherwise as ValueError."""
    try:
        yield
    except ApiException as error:
        if error.status in TEMPORARY or error.status >= 500 or not error.status:
            raise errors.Retryable(f"the cluster answers {error.status} {error.reason}") from error
        if error.status in NOT_ALLOWED:
            raise ValueError(
                f"the cluster denies access ({_words(error)}): the required rights are in k8s/base/rbac.yaml"
            ) from error
        if error.status in (ABSENT, CONFLICT):
            raise
        raise ValueError(f"the cluster rejected the request: {_words(error)}") from error
    except (HTTPError, OSError) as error:
        raise errors.Retryable(f"the cluster does not answer: {error}") from error


def _words(error: ApiException) -> str:
    return str(error.reason if not error.body else error.body).strip()


def version(seconds: float) -> str:
    """Return the version of the configured cluster, without retries.

    Raises ValueError if no cluster is configured or none answers.
    """
    try:
        found: str = client.VersionApi(_api_client()).get_code(_request_timeout=seconds).git_version
    except (ApiException, HTTPError, OSError) as error:
        raise ValueError(f"the cluster does not answer: {str(error).partition(chr(10))[0]}") from error
    return found


def _api_client() -> Any:
    """Return the client for KUBECONFIG or ~/.kube/config, or for the service account of this pod."""
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
        raise ValueError(f"no cluster is configured: there is neither {file} nor a pod's service account") from None
    return client.ApiClient(settings)
