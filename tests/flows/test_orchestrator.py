import os
import signal

import pytest

from flows import orchestrator, processes
from flows.workspace import Workspace


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Whatever is set here is taken back."""
    kept = dict(os.environ)
    for name in list(os.environ):
        if name.startswith("PREFECT_"):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(kept)


def test_the_temporary_server_has_its_own_home_patience_and_no_analytics(tmp_path):
    orchestrator.configure(Workspace(tmp_path))
    assert os.environ["PREFECT_HOME"] == str(tmp_path / ".videopoet/prefect")
    assert os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] == "180"
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert os.environ[processes.MARK].startswith(f"{tmp_path / '.videopoet'}:{os.getpid()}:")


def test_a_server_that_is_named_is_used(tmp_path):
    os.environ["PREFECT_API_URL"] = "http://server.example/api"
    orchestrator.configure(Workspace(tmp_path))
    assert "PREFECT_HOME" not in os.environ


def test_starting_leaves_the_handling_of_ctrl_c_as_it_was(prefect_server):
    before = signal.pthread_sigmask(signal.SIG_BLOCK, set())
    orchestrator.start()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, set()) == before
