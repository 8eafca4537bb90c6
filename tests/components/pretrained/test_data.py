"""Files are copied only with the declared bytes; fetching them: test_stage.py."""

import hashlib
from pathlib import Path

import pytest

from components.common.errors import DataError
from components.pretrained import data
from components.pretrained.config import PretrainedModel


def model(folder: Path, content: bytes) -> PretrainedModel:
    return PretrainedModel("t5", "file", str(folder), "", {"sub/a": hashlib.sha256(content).hexdigest()}, "")


def test_a_declared_file_is_found_and_copied_with_its_folder(tmp_path: Path) -> None:
    (tmp_path / "from/sub").mkdir(parents=True)
    (tmp_path / "from/sub/a").write_bytes(b"weights")
    wanted = model(tmp_path / "from", b"weights")
    data.copy_verified(wanted, data.locate(wanted, tmp_path, {}), tmp_path / "to")
    assert (tmp_path / "to/sub/a").read_bytes() == b"weights"


def test_other_bytes_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    wanted = model(tmp_path, b"weights")
    with pytest.raises(DataError, match="sub/a is not in"):
        data.copy_verified(wanted, data.locate(wanted, tmp_path, {}), tmp_path / "to")
    (tmp_path / "sub/a").write_bytes(b"others")
    with pytest.raises(DataError, match="do not use it"):
        data.copy_verified(wanted, data.locate(wanted, tmp_path, {}), tmp_path / "to")
