"""Public weights -> local files that are known to be the right ones.

Nothing is trusted but the hash: whatever way a file came, it is copied only if its bytes are the declared ones.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from components.common.artifacts import hash_file
from components.common.errors import DataError, Retryable
from components.pretrained.config import Source

KIND = "pretrained"


def locate(source: Source, cache: Path, roots: Mapping[str, Path | str]) -> dict[str, Path]:
    """Where each declared file lies on this machine, fetched if need be."""
    match source.kind:
        case "huggingface":
            folder = _download(source, cache / "huggingface")
        case "file":
            folder = _local(source, roots)
    if folder.is_file() and list(source.sha256) == [folder.name]:
        return {folder.name: folder}
    return {file: folder / file for file in sorted(source.sha256)}


def copy_verified(source: Source, found: Mapping[str, Path], folder: Path) -> None:
    """Copy the files into `folder`; raises DataError for one that is missing or has other bytes than declared."""
    for file, path in sorted(found.items()):
        if not path.is_file():
            raise DataError(f"{source.name}: {file} is not in {source.id}: correct its name under sha256")
        if (digest := hash_file(path)) != source.sha256[file]:
            raise DataError(f"{source.name}: {file} has sha256 {digest}, not {source.sha256[file]}: do not use it")
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / file)


def _download(source: Source, cache: Path) -> Path:
    from httpx import HTTPError
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    wanted = sorted(source.sha256)
    try:
        return Path(snapshot_download(source.id, revision=source.revision, allow_patterns=wanted, cache_dir=cache))
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        message = f"{source.name}: the hub does not give {source.id} at {source.revision}: check the id, the revision"
        raise ValueError(f"{message} and that your token may read it") from error
    except (HTTPError, OSError) as error:
        raise Retryable(
            f"{source.name}: {source.id} at revision {source.revision} cannot be fetched from here ({error}). "
            f"Try again; or, where there is no network, download {', '.join(wanted)} elsewhere "
            f"(`hf download {source.id} {' '.join(wanted)} --revision {source.revision} --local-dir FOLDER`), "
            f"bring the folder here and set kind: file, id: FOLDER, revision: ''"
        ) from error


def _local(source: Source, roots: Mapping[str, Path | str]) -> Path:
    alias, colon, rest = source.id.partition(":")
    if colon and alias not in roots:
        raise ValueError(f"{source.name}: no root is called `{alias}` (known: {sorted(roots) or 'none'})")
    root = roots[alias] if colon else Path()
    if isinstance(root, str):
        raise ValueError(f"{source.name}: `{alias}` is a store, weights are read from folders: copy them into one")
    path = root / rest if colon else Path(source.id)
    if not path.exists():
        raise ValueError(f"{source.name}: {path} does not exist: put {', '.join(sorted(source.sha256))} there")
    return path
