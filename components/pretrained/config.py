"""Which public weights to fetch: an id, a revision that cannot move, and the hash of every file wanted."""

import re
from dataclasses import dataclass
from typing import Literal

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
COMMIT = re.compile(r"[0-9a-f]{40}")
HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Source:
    """One model: where it comes from and what must arrive."""

    name: str  # the folder it gets, by which other stages ask for it
    kind: Literal["huggingface", "file"]
    id: str  # repository of the hub; for kind file a folder or file, or `alias:path` below a known root
    revision: str  # full commit of the repository; for kind file empty
    sha256: dict[str, str]  # file name -> its hash
    licence: str

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
            if not HASH.fullmatch(digest):
                raise ValueError(f"{where}: the hash of {file} must be 64 hex digits (sha256sum prints it)")


@dataclass(frozen=True)
class Config:
    """The models to fetch; none is a valid choice."""

    threads: int
    models: tuple[Source, ...]

    def __post_init__(self) -> None:
        names = [source.name for source in self.models]
        if len(set(names)) < len(names):
            raise ValueError("pretrained.models: every name may stand once only")
