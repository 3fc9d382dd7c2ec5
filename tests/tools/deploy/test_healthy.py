import http.server
import json
import threading

import pytest

from tools.deploy.healthy import fault_of, main


@pytest.fixture
def address():
    """Return the address of a server that answers as Airflow's: the triggerer's last heartbeat is old."""
    answers = {
        "/api/v2/version": {"version": "3.3.2"},
        "/api/v2/monitor/health": {"triggerer": {"status": "unhealthy"}, "dag_processor": {"status": "healthy"}},
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path in ("/health", "/old/health"):  # a scheduler's has no text
                self.send_response(200 if self.path == "/health" else 503)
                self.end_headers()
                return
            self.send_response(200 if self.path in answers else 404)
            self.end_headers()
            self.wfile.write(json.dumps(answers.get(self.path)).encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("service", ["api-server", "scheduler", "dag-processor"])
def test_a_service_that_answers_is_well(address, service):
    assert fault_of(service, address, address) is None


def test_an_old_heartbeat_is_a_fault(address):
    assert (
        fault_of("triggerer", address, address) == "triggerer: its last heartbeat is too old (Airflow says 'unhealthy')"
    )


def test_a_scheduler_whose_heartbeat_is_old_says_503(address):
    assert "503" in fault_of("scheduler", address, f"{address}/old")


@pytest.mark.parametrize("service", ["api-server", "scheduler", "triggerer"])
def test_no_answer_is_a_fault(service):
    assert "no answer that can be read" in fault_of(service, "http://127.0.0.1:9", "http://127.0.0.1:9")


def test_an_answer_of_another_program_is_a_fault(address):
    assert "no answer that can be read" in fault_of("triggerer", f"{address}/other", address)


@pytest.mark.parametrize("words", [[], ["worker"], ["scheduler", "triggerer"]])
def test_a_command_without_one_service_gets_a_sentence(words, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["healthy", *words])
    assert main() == 2
    assert "expected one of api-server, scheduler" in capsys.readouterr().out


def test_an_unknown_service_is_refused(address):
    with pytest.raises(ValueError, match="expected one of api-server, scheduler"):
        fault_of("worker", address, address)
