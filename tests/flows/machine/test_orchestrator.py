import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from flows.machine import orchestrator, processes
from flows.machine.workspace import Workspace

OWN = "http://127.0.0.1:4200"
NOBODY = "00000000-0000-0000-0000-000000000000"
CSRF = {"Prefect-Csrf-Token": "guessed", "Prefect-Csrf-Client": "me"}


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Whatever is set here is taken back."""
    kept = dict(os.environ)
    for name in list(os.environ):
        if name.startswith("PREFECT_"):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture
def string(prefect_server: str) -> str:
    """What the server of the tests asks for."""
    from prefect.settings import PREFECT_API_AUTH_STRING

    return str(PREFECT_API_AUTH_STRING.value())


def basic(string: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(string.encode()).decode()}"}


def ask(api: str, method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
    """Status, headers and content of an answer to a request that a program of anybody may send."""
    place = urlsplit(api)
    assert place.hostname
    with closing(HTTPConnection(place.hostname, place.port, timeout=60)) as connection:
        connection.request(method, f"{place.path}{path}", "{}", {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read().decode()


def test_the_temporary_server_has_its_own_home_patience_and_no_analytics(tmp_path):
    orchestrator.configure(Workspace(tmp_path))
    assert os.environ["PREFECT_HOME"] == str(tmp_path / ".videopoet/prefect")
    assert os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] == "180"
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert os.environ[processes.MARK].startswith(f"{tmp_path / '.videopoet'}:{os.getpid()}:")


@pytest.mark.parametrize("configure", [orchestrator.configure, orchestrator.configure_serving])
def test_a_server_that_is_named_is_used_with_the_users_own_string(tmp_path, configure):
    os.environ |= {"PREFECT_API_URL": "http://server.example/api", "PREFECT_API_AUTH_STRING": "me:mine"}
    configure(Workspace(tmp_path))
    assert {name: value for name, value in os.environ.items() if name.startswith("PREFECT_")} == {
        "PREFECT_API_URL": "http://server.example/api",
        "PREFECT_API_AUTH_STRING": "me:mine",
    }


@pytest.mark.parametrize("configure", [orchestrator.configure, orchestrator.configure_serving])
def test_a_server_of_ours_asks_for_the_string_of_its_home_and_the_clients_send_it(tmp_path, configure):
    os.environ["PREFECT_API_AUTH_STRING"] = "me:elsewhere"
    configure(Workspace(tmp_path))
    found = os.environ["PREFECT_API_AUTH_STRING"]
    assert (
        found == os.environ["PREFECT_SERVER_API_AUTH_STRING"] == orchestrator.string(Path(os.environ["PREFECT_HOME"]))
    )
    assert found not in {"me:elsewhere", orchestrator.string(tmp_path)}


@pytest.mark.parametrize("inside", ["", ".videopoet/finetune", ".videopoet/reproduce/0123456789", "beside"])
@pytest.mark.parametrize(
    ("url", "opens"),
    [
        ("http://127.0.0.1:4300/api", True),
        ("http://127.0.0.1:4200/api", False),
        ("http://127.0.0.1:43000/api", False),
        ("http://127.0.0.1:4300/api@evil.example", False),
        ("http://127.0.0.1:4300.evil.example/api", False),
        ("https://evil.example/api", False),
        ("", False),
    ],
)
def test_only_the_server_of_this_checkout_is_told_its_string(tmp_path, url, opens, inside):
    os.environ["PREFECT_SERVER_API_PORT"] = "4300"
    orchestrator.configure_serving(Workspace(tmp_path))
    string = os.environ.pop("PREFECT_API_AUTH_STRING")
    os.environ["PREFECT_API_URL"] = url
    (tmp_path / inside).mkdir(parents=True, exist_ok=True)
    orchestrator.configure(Workspace(tmp_path / inside))
    assert os.environ.get("PREFECT_API_AUTH_STRING") == (string if opens and inside != "beside" else None)


def test_nobody_but_its_user_reads_the_string_and_it_stays_the_same(tmp_path):
    before = os.umask(0)
    try:
        string = orchestrator.string(tmp_path)
    finally:
        os.umask(before)
    assert [path.name for path in tmp_path.iterdir()] == ["auth"]
    assert (tmp_path / "auth").stat().st_mode & 0o777 == 0o600
    assert orchestrator.string(tmp_path) == string
    user, _, password = string.partition(":")
    assert user
    assert len(password) >= 43


def test_starts_at_once_agree_on_one_string(tmp_path):
    with ThreadPoolExecutor(16) as threads:
        assert len(set(threads.map(orchestrator.string, [tmp_path] * 64))) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o666, 0o777])
def test_a_string_that_others_may_know_or_give_is_refused(tmp_path, mode):
    orchestrator.string(tmp_path)
    (tmp_path / "auth").chmod(mode)
    with pytest.raises(ValueError, match="delete it"):
        orchestrator.string(tmp_path)


@pytest.mark.parametrize("text", ["", "\n", "password", ":", "user:", ":password"])
def test_a_file_without_a_string_opens_nothing(tmp_path, text):
    (tmp_path / "auth").touch(0o600)
    (tmp_path / "auth").write_text(text)
    with pytest.raises(ValueError, match="user:password"):
        orchestrator.string(tmp_path)


@pytest.mark.parametrize("target", ["there", "gone", "."])
def test_a_string_is_a_file_of_its_own(tmp_path, target):
    (tmp_path / "there").touch(0o600)
    (tmp_path / "there").write_text("user:password")
    (tmp_path / "auth").symlink_to(target)
    with pytest.raises(ValueError, match="delete it"):
        orchestrator.string(tmp_path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/flows/{NOBODY}"),
        ("GET", "/hello"),
        ("GET", "/admin/settings"),
        ("GET", "/csrf-token?client=me"),
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
        ("GET", "//health"),
        ("GET", "/health/"),
        ("GET", "/variables/name/health"),
        ("POST", "/flows/"),
        ("POST", "/flows/filter"),
        ("POST", "/health"),
        ("PUT", "/block_types/"),
        ("PATCH", "/work_pools/videopoet"),
        ("DELETE", f"/deployments/{NOBODY}"),
        ("HEAD", "/hello"),
    ],
)
@pytest.mark.parametrize("headers", [{}, CSRF, {"Host": "evil.example"}, {"Host": "127.0.0.1/api/health?"}], ids=str)
def test_without_the_string_the_server_does_nothing(prefect_server, method, path, headers):
    status, _, content = ask(prefect_server, method, path, headers)
    assert status in (401, 403, 404)  # 404 where the path is none of the API's
    assert content in ("", '{"exception_message":"Unauthorized"}', '{"detail":"Not Found"}') or "CSRF" in content


@pytest.mark.parametrize(
    "wrong", ["", ":", "videopoet:", "admin:pass", "the other server's", "its beginning", "longer"]
)
def test_another_string_opens_nothing(prefect_server, string, tmp_path, wrong):
    made = {"the other server's": orchestrator.string(tmp_path), "its beginning": string[:-1], "longer": f"{string}x"}
    assert ask(prefect_server, "GET", "/hello", basic(made.get(wrong, wrong)))[0] == 401


def test_the_string_opens_it_and_health_needs_none(prefect_server, string):
    assert ask(prefect_server, "GET", "/hello", basic(string))[0] == 200
    assert ask(prefect_server, "GET", "/health", {})[0] == 200


def test_with_the_string_alone_nothing_is_changed(prefect_server, string):
    """As from a page in whose browser somebody is logged in."""
    for headers in ({}, CSRF):
        assert ask(prefect_server, "POST", "/flows/", basic(string) | headers)[0] == 403


@pytest.mark.parametrize("path", ["/events/in", "/events/out", "/logs/out", "/work_pools/videopoet/workers/connect"])
@pytest.mark.parametrize("token", ["no handshake", None, "", "videopoet:wrong"])
def test_without_the_string_no_stream_opens(prefect_server, path, token):
    place = f"{prefect_server.replace('http', 'ws', 1)}{path}"
    with pytest.raises(WebSocketException):
        greet(place, None if token == "no handshake" else ["prefect"], json.dumps({"type": "auth", "token": token}))


def greet(place: str, protocols: list[Any] | None, words: str) -> Any:
    with connect(place, subprotocols=protocols) as stream:
        stream.send(words)
        return stream.recv(timeout=30)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What `videopoet serve` has for a server, asked without a port."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PREFECT_")]:
            patch.delenv(name)
        patch.setattr(os, "environ", dict(os.environ))
        orchestrator.configure_serving(Workspace(tmp_path_factory.mktemp("served")))
        told = {name: value for name, value in os.environ.items() if name.startswith("PREFECT_SERVER_")}
    from prefect import settings
    from prefect.server.api.server import create_app
    from starlette.testclient import TestClient

    with settings.temporary_settings({getattr(settings, name): value for name, value in told.items()}):
        yield TestClient(create_app(ephemeral=True, ignore_cache=True), base_url=OWN)


def granted(client: Any, origin: str) -> tuple[str | None, ...]:
    """What pages of this origin may do: the server's word before a request with a string, and at a simple one."""
    before = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answers = (
        client.options("/api/flows/", headers={"Origin": origin, **before}),
        client.get("/api/hello", headers={"Origin": origin}),
    )
    return tuple(answer.headers.get("access-control-allow-origin") for answer in answers)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "none",
        "file://",
        "http://127.0.0.1",
        "http://127.0.0.1:4201",
        "http://127.0.0.1:42000",
        "https://127.0.0.1:4200",
        "http://127.0.0.1:4200.evil.example",
        "http://evil.example:4200",
        "http://evil.example/http://127.0.0.1:4200",
        "http://127.0.0.1:4200,https://evil.example",
        "http://127.0.0.10:4200",
        "http://[::1]:4200",
    ],
)
def test_no_page_of_another_origin_may_call_the_server(serving, origin):
    assert granted(serving, origin) == (None, None)


def test_its_own_page_may(serving):
    assert granted(serving, OWN) == (OWN, OWN)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", OWN, "http://127.0.0.1:8000", "itself"])
def test_a_temporary_server_has_no_page_that_may_call_it(prefect_server, string, origin):
    origin = prefect_server.removesuffix("/api") if origin == "itself" else origin
    before = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for method, headers in (("OPTIONS", before), ("GET", basic(string))):
        answer = ask(prefect_server, method, "/hello", {"Origin": origin, **headers})
        assert "access-control-allow-origin" not in answer[1]


def test_a_server_that_wants_another_string_is_told_in_words(prefect_server, tmp_path):
    os.environ |= {"PREFECT_API_URL": prefect_server, "PREFECT_API_AUTH_STRING": "me:wrong"}
    command = [sys.executable, "-c", "from flows.machine import orchestrator; orchestrator.start()"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].startswith(f"ValueError: the server {prefect_server} requires authentication")
    assert "me:wrong" not in done.stdout + done.stderr


def test_starting_leaves_the_handling_of_ctrl_c_as_it_was(prefect_server):
    before = signal.pthread_sigmask(signal.SIG_BLOCK, set())
    orchestrator.start()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, set()) == before
