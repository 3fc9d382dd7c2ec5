import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tools.airflow import api as airflow_api

LOCKED = (500, {"detail": {"reason": "Database error"}})


@pytest.fixture
def api(monkeypatch):
    """Return a function that starts an API with given answers and gives a client of it."""
    monkeypatch.setattr(airflow_api, "PAUSE_S", 0.0)
    servers = []

    def start(*answers):
        left = [(201, {"access_token": "token"}), *answers]

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, body = left.pop(0)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            do_GET = do_POST = do_PATCH = answer  # noqa: N815

            def log_message(self, *args):
                """Say nothing."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return airflow_api.AirflowApi(server.server_port, "password"), left

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_locked_database_is_asked_again(api):
    client, left = api(LOCKED, LOCKED, (200, {"is_paused": False}))
    assert client.call("PATCH", "/dags/wine", {"is_paused": False}) == {"is_paused": False}
    assert left == []


def test_a_database_that_stays_locked_is_an_error(api):
    client, _ = api(*[LOCKED] * 20)
    with pytest.raises(airflow_api.ApiError, match="Database error"):
        client.call("GET", "/dags")


def test_another_fault_is_told_at_once(api):
    client, left = api((500, {"detail": "a bug"}), (200, {}))
    with pytest.raises(airflow_api.ApiError, match="a bug"):
        client.call("GET", "/dags")
    assert len(left) == 1


def test_this_machine_is_asked_without_the_proxy_of_the_shell(api, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    client, left = api((200, {"dags": []}))

    assert client.dags() == {}
    assert left == []


def test_what_answers_in_airflows_place_is_not_healthy(api):
    client, _ = api()
    client._send = lambda *_: {"status": "ok"}

    assert "does not answer as Airflow does" in client.health_fault()
    assert not client.is_healthy()
