"""The registered models in MLflow: which run's models are champion, candidate and previous.

One registered model, one version per run: its source is `dvc:<run>`, for the bytes stay in DVC's cache and remote, and
its tags hold the run's whole hash and what the gate decided. Unlike tracking, a store that fails here is an error.
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
class Registered:
    """A version of the model."""

    version: str
    run: str  # name of the run
    decision: str
    aliases: tuple[str, ...]


@contextmanager
def _in_words() -> Iterator[None]:
    """A store that fails is told as what it is: a passing fault that the next try may not meet."""
    try:
        yield
    except Exception as error:  # each store has its own ways to fail
        raise errors.Retryable(f"the MLflow registry failed: {type(error).__name__}: {error}") from error


class Registry:
    """The registry at an MLflow address; raises errors.Retryable where it fails."""

    def __init__(self, uri: str):
        with _in_words():
            self._client: Any = client(uri)

    def at(self, alias: Alias) -> Registered | None:
        """The version that an alias names, if any."""
        return next((found for found in self.all() if alias in found.aliases), None)

    def all(self) -> list[Registered]:
        """Every version, the newest first."""
        with _in_words():
            models = self._client.search_registered_models(filter_string=f"name='{MODEL}'")
            versions = self._client.search_model_versions(f"name='{MODEL}'") if models else []
        named: dict[str, list[str]] = {}
        for alias, version in (models[0].aliases if models else {}).items():
            named.setdefault(str(version), []).append(alias)
        return [
            Registered(
                str(one.version),
                one.tags.get("run", ""),
                one.tags.get("decision", ""),
                tuple(sorted(named.get(str(one.version), []))),
            )
            for one in sorted(versions, key=lambda one: -int(one.version))
        ]

    def register(self, run: str, decision: str) -> Registered:
        """Give a run's models a version, or the one they have, and make it the candidate."""
        known = next((found.version for found in self.all() if found.run == run), None)
        with _in_words():
            if not self._client.search_registered_models(filter_string=f"name='{MODEL}'"):
                self._client.create_registered_model(MODEL)
            version = known or str(self._client.create_model_version(MODEL, f"dvc:{run}", tags={"run": run}).version)
            self._client.set_model_version_tag(MODEL, version, "decision", decision)
            self._set("candidate", version)
        return next(found for found in self.all() if found.version == version)

    def promote(self, candidate: Registered) -> None:
        """Make a version the champion; the one before stays at hand as `previous`."""
        champion = self.at("champion")
        with _in_words():
            if champion and champion.version != candidate.version:
                self._set("previous", champion.version)
            self._set("champion", candidate.version)
            self._client.delete_registered_model_alias(MODEL, "candidate")

    def roll_back(self) -> Registered | None:
        """Change champion and previous about; returns the champion now, None if there is no previous one."""
        champion, previous = self.at("champion"), self.at("previous")
        if champion is None or previous is None:
            return None
        with _in_words():
            self._set("champion", previous.version)
            self._set("previous", champion.version)
        return previous

    def _set(self, alias: Alias, version: str) -> None:
        self._client.set_registered_model_alias(MODEL, alias, version)
