"""Arrays in files behave as others do."""

from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.common import runtime
from components.filter import mapped


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.binary(min_size=3, max_size=3), max_size=6))
def test_rows_are_stacked_as_they_come(tmp_path: Path, rows: list[bytes]) -> None:
    with runtime.use(runtime.Runtime(tmp_path / "scratch", tmp_path / "cache")):
        stacked = mapped.stacked((np.frombuffer(row, np.uint8) for row in rows), len(rows), 3)
    assert stacked.shape == (len(rows), 3)
    assert stacked.tobytes() == b"".join(rows)
    assert not list((tmp_path / "scratch").glob("*"))  # the file has no name
