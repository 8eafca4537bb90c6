"""Configuration of public weights: an id, a fixed revision, and the hash of every wanted file."""

import re
from dataclasses import dataclass
from typing import Literal

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class PretrainedModel:
    """One model: where it comes from, and the files to fetch."""

    name: str
    """Name of its folder, by which other stages refer to it."""
    kind: Literal["huggingface", "file"]
    """`huggingface` fetches from the hub; `file` copies from a folder or file."""
    id: str
    """Repository on the hub; for kind `file` a folder or file, or `alias:path` below a known root."""
    revision: str
    """Full commit of the repository (40 hex digits); '' for kind `file`."""
    sha256: dict[str, str]
    """SHA-256 of each wanted file, by its name."""
    license: str
    """License of the weights, for the manifest."""

    def __post_init__(self) -> None:
        where = f"pretrained.models, `{self.name}`"
        if not NAME.fullmatch(self.name):
            raise ValueError(f"{where}: a name is lower-case letters, digits and `_.-`")
        if self.kind == "huggingface" and not COMMIT.fullmatch(self.revision):
            raise ValueError(f"{where}: revision must be a full commit of 40 hex digits; a branch or tag can move")
        if self.kind == "file" and self.revision:
            raise ValueError(f"{where}: a file has no revision: make it empty")
        if not self.sha256:
            raise ValueError(f"{where}: name each file that is wanted, with its hash, under sha256")
        for file, digest in sorted(self.sha256.items()):
            if file.startswith("/") or ".." in file.split("/"):
                raise ValueError(f"{where}: {file} must stay inside the model's folder")
            if not SHA256.fullmatch(digest):
                raise ValueError(f"{where}: the hash of {file} must be 64 hex digits (sha256sum prints it)")


@dataclass(frozen=True)
class Config:
    """Models to fetch; an empty list is valid."""

    threads: int
    """Threads of numerical libraries; unused by this stage."""
    models: tuple[PretrainedModel, ...]
    """Models to fetch, each under a name of its own."""

    def __post_init__(self) -> None:
        names = [model.name for model in self.models]
        if len(set(names)) < len(names):
            raise ValueError("pretrained.models: every name may stand once only")
