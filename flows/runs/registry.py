"""The model registry in MLflow: versions, and the aliases champion, candidate and previous.

One registered model with one version per run: its source is `dvc:<run>`, because the files stay in DVC's cache and
remote; its tags hold the run's name and the gate's decision. Unlike in tracking, a failing store is an error.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from components.common import errors
from flows.runs.tracking import client

MODEL = "videopoet"
Alias = Literal["champion", "candidate", "previous"]


@dataclass(frozen=True)
class ModelVersion:
    """A version of the registered model."""

    version: str
    run: str  # name of the run
    decision: str
    aliases: tuple[str, ...]


@contextmanager
def _retryable_errors() -> Iterator[None]:
    """Raise any failure of the store within the block as errors.Retryable."""
    try:
        yield
    except Exception as error:  # each store has its own exceptions
        raise errors.Retryable(f"the MLflow registry failed: {type(error).__name__}: {error}") from error


class Registry:
    """The registry at an MLflow address; raises errors.Retryable if it fails."""

    def __init__(self, uri: str):
        with _retryable_errors():
            self._client: Any = client(uri)

    def at(self, alias: Alias) -> ModelVersion | None:
        """Return the version with an alias, or None."""
        return next((found for found in self.all() if alias in found.aliases), None)

    def all(self) -> list[ModelVersion]:
        """Return every version, newest first."""
        with _retryable_errors():
            models = self._client.search_registered_models(filter_string=f"name='{MODEL}'")
            versions = self._client.search_model_versions(f"name='{MODEL}'") if models else []
        named: dict[str, list[str]] = {}
        for alias, version in (models[0].aliases if models else {}).items():
            named.setdefault(str(version), []).append(alias)
        return [
            ModelVersion(
                str(one.version),
                one.tags.get("run", ""),
                one.tags.get("decision", ""),
                tuple(sorted(named.get(str(one.version), []))),
            )
            for one in sorted(versions, key=lambda one: -int(one.version))
        ]

    def register(self, run: str, decision: str) -> ModelVersion:
        """Register a run's models, unless they have a version, and set the alias candidate."""
        known = next((found.version for found in self.all() if found.run == run), None)
        with _retryable_errors():
            if not self._client.search_registered_models(filter_string=f"name='{MODEL}'"):
                self._client.create_registered_model(MODEL)
            version = known or str(self._client.create_model_version(MODEL, f"dvc:{run}", tags={"run": run}).version)
            self._client.set_model_version_tag(MODEL, version, "decision", decision)
            self._set("candidate", version)
        return next(found for found in self.all() if found.version == version)

    def promote(self, candidate: ModelVersion) -> None:
        """Make a version the champion; the former champion becomes `previous`."""
        champion = self.at("champion")
        with _retryable_errors():
            if champion and champion.version != candidate.version:
                self._set("previous", champion.version)
            self._set("champion", candidate.version)
            self._client.delete_registered_model_alias(MODEL, "candidate")

    def roll_back(self) -> ModelVersion | None:
        """Swap champion and previous; returns the new champion, None if there is no previous one."""
        champion, previous = self.at("champion"), self.at("previous")
        if champion is None or previous is None:
            return None
        with _retryable_errors():
            self._set("champion", previous.version)
            self._set("previous", champion.version)
        return previous

    def _set(self, alias: Alias, version: str) -> None:
        self._client.set_registered_model_alias(MODEL, alias, version)
