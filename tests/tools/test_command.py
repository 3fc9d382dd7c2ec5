"""How tools end: by a sentence and a status, whatever comes."""

import signal
import subprocess
import sys
import textwrap
import time

import pytest

from cdiscount_tasks.artifacts.store_faults import StoreAway
from tools.airflow.home import PROJECT_DIR
from tools.command import _outcome

STARTS = "import os, signal, sys, time\nfrom tools.command import exit_status, say\n"


def start(code, **settings):
    command = [sys.executable, "-c", STARTS + textwrap.dedent(code)]
    return subprocess.Popen(
        command, cwd=PROJECT_DIR, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **settings
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_tool_at_once_with_a_sentence(number):
    tool = start("""sys.exit(exit_status(lambda: say("ready") or time.sleep(60)))""")
    tool.stdout.readline()
    started = time.monotonic()
    tool.send_signal(number)
    _, complaint = tool.communicate(timeout=20)

    assert time.monotonic() - started < 5
    assert tool.returncode == 128 + number
    assert complaint == "\nstopped: everything that this program had started is ended\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_a_tool_imports_ends_it_with_a_sentence(number):
    tool = start("""
        from tools.stopping import end_at_once
        end_at_once(); say("imports"); time.sleep(60)
    """)
    tool.stdout.readline()
    tool.send_signal(number)
    _, complaint = tool.communicate(timeout=20)

    assert (tool.returncode, complaint) == (128 + number, "\nstopped: nothing had been started\n")


def test_the_end_of_the_terminal_ends_nothing_under_nohup():
    tool = start("""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        sys.exit(exit_status(lambda: say("ready") or time.sleep(1)))
    """)
    tool.stdout.readline()
    tool.send_signal(signal.SIGHUP)

    assert tool.wait(20) == 0


def test_a_place_that_cannot_be_used_is_told_with_the_variables_that_name_another(tmp_path):
    (tmp_path / "file").touch()
    tool = start(f"""sys.exit(exit_status(lambda: open({str(tmp_path / "file" / "x")!r})))""")
    _, complaint = tool.communicate(timeout=20)

    assert tool.returncode == 1
    assert complaint.startswith(f"\n{tmp_path}/file/x: Not a directory; ")
    assert "AIRFLOW_HOME" in complaint
    assert "Traceback" not in complaint


def test_a_reader_that_has_gone_ends_a_tool_quietly():
    tool = start("""
        def speak():
            say("first")
            while True:
                say("more" * 1000)
        sys.exit(exit_status(speak))
    """)
    tool.stdout.readline()
    tool.stdout.close()
    complaint = tool.stderr.read()

    assert (tool.wait(20), complaint) == (128 + signal.SIGPIPE, "")


def test_a_terminal_that_is_not_utf_8_gets_the_text_all_the_same():
    code = """sys.exit(exit_status(lambda: say("Caf\\u00e9 \\u6f22")))"""
    environ = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(PROJECT_DIR)}
    told, complaint = start(code, env=environ).communicate(timeout=20)

    assert complaint == ""
    assert told.startswith("Caf")


def test_every_tool_heeds_signals_before_its_imports():
    """A signal in the second that imports take would end in a traceback."""
    for name in ("compare", "demo/demo", "airflow/down", "run", "airflow/up", "verify"):
        lines = (PROJECT_DIR / "tools" / f"{name}.py").read_text(encoding="utf-8").splitlines()
        calls = [number for number, line in enumerate(lines) if line.strip().startswith("end_at_once()")]
        heavy = [number for number, line in enumerate(lines) if line.startswith("from cdiscount_tasks")]
        assert calls, name
        assert calls[0] < min(heavy, default=len(lines)), name


def test_who_uses_a_bucket_at_a_terminal_has_no_task_to_clear(capsys):
    def away():
        raise StoreAway("s3://bucket: nobody answers; tried several times, clear this task later")

    assert _outcome(away) == 1
    assert capsys.readouterr().err == "\ns3://bucket: nobody answers; tried several times, run again later\n"
