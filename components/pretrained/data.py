"""Public weights -> verified local files.

Only hashes are trusted: a file from any origin is copied only if its bytes are the declared ones.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from components.common.artifacts import hash_file
from components.common.errors import DataError, Retryable
from components.pretrained.config import PretrainedModel

KIND = "pretrained"


def locate(model: PretrainedModel, cache: Path, roots: Mapping[str, Path | str]) -> dict[str, Path]:
    """Return the local path of each declared file, fetching it if needed."""
    match model.kind:
        case "huggingface":
            folder = _download(model, cache / "huggingface")
        case "file":
            folder = _local(model, roots)
    if folder.is_file() and list(model.sha256) == [folder.name]:
        return {folder.name: folder}
    return {file: folder / file for file in sorted(model.sha256)}


def copy_verified(model: PretrainedModel, found: Mapping[str, Path], folder: Path) -> None:
    """Copy the files into `folder`; raises DataError for one that is missing or has other bytes than declared."""
    for file, path in sorted(found.items()):
        if not path.is_file():
            raise DataError(f"{model.name}: {file} is not in {model.id}: correct its name under sha256")
        if (digest := hash_file(path)) != model.sha256[file]:
            raise DataError(f"{model.name}: {file} has sha256 {digest}, not {model.sha256[file]}: do not use it")
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / file)


def _download(model: PretrainedModel, cache: Path) -> Path:
    from httpx import HTTPError
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    wanted = sorted(model.sha256)
    try:
        return Path(snapshot_download(model.id, revision=model.revision, allow_patterns=wanted, cache_dir=cache))
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        message = f"{model.name}: the hub does not give {model.id} at {model.revision}: check the id, the revision"
        raise ValueError(f"{message} and that your token may read it") from error
    except (HTTPError, OSError) as error:
        raise Retryable(
            f"{model.name}: {model.id} at revision {model.revision} cannot be fetched from here ({error}). "
            f"Try again; or, where there is no network, download {', '.join(wanted)} elsewhere "
            f"(`hf download {model.id} {' '.join(wanted)} --revision {model.revision} --local-dir FOLDER`), "
            f"bring the folder here and set kind: file, id: FOLDER, revision: ''"
        ) from error


def _local(model: PretrainedModel, roots: Mapping[str, Path | str]) -> Path:
    alias, colon, rest = model.id.partition(":")
    if colon and alias not in roots:
        raise ValueError(f"{model.name}: no root is called `{alias}` (known: {sorted(roots) or 'none'})")
    root = roots[alias] if colon else Path()
    if isinstance(root, str):
        raise ValueError(f"{model.name}: `{alias}` is a store, weights are read from folders: copy them into one")
    path = root / rest if colon else Path(model.id)
    if not path.exists():
        raise ValueError(f"{model.name}: {path} does not exist: put {', '.join(sorted(model.sha256))} there")
    return path
