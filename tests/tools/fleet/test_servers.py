import os
import shutil
import stat
import tempfile
from pathlib import Path

import psutil
import pytest

from tools.airflow.home import ToolError
from tools.fleet import servers


@pytest.fixture
def folder():
    """Return a folder that the servers' users may enter, as pytest's own are not."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


def test_a_machine_without_postgresql_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(servers.shutil, "which", lambda _: None)
    monkeypatch.setattr(servers, "_DEBIAN_DIR", tmp_path)
    with pytest.raises(ToolError, match=r"`initdb` is missing; .* apt-get install postgresql redis-server"):
        servers.started_postgresql(tmp_path)


def test_a_machine_without_redis_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(servers.shutil, "which", lambda _: None)
    monkeypatch.setattr(servers, "_ordinary_user", lambda _: None)
    with pytest.raises(ToolError, match=r"`redis-server` is missing; .* apt-get install postgresql redis-server"):
        servers.started_redis(tmp_path)


def test_the_newest_of_debians_versions_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(servers.shutil, "which", lambda _: None)
    monkeypatch.setattr(servers, "_DEBIAN_DIR", tmp_path)
    for version in ("9.6", "15", "13"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "initdb").touch()
    assert servers._postgresql_dir() == tmp_path / "15" / "bin"


@pytest.mark.fleet
@pytest.mark.parametrize("start", [servers.started_postgresql, servers.started_redis])
def test_a_server_is_an_ordinary_users_on_loopback_and_restarts(folder, start):
    server = start(folder)
    try:
        for _ in range(2):
            process = psutil.Process(server._process.pid)
            assert process.uids().real != 0
            listening = {one.laddr.ip for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN}
            assert listening == {"127.0.0.1"}
            assert server.is_ready()
            server.restart()
    finally:
        server.stop()
    assert not server.is_ready()
    assert not psutil.pid_exists(process.pid)


@pytest.mark.fleet
def test_a_servers_password_is_its_own_and_only_its_user_can_read_it(folder):
    server = servers.started_redis(folder)
    server.stop()
    settings = folder / "redis" / "redis.conf"
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    assert f"requirepass {server.url.removeprefix('redis://:').partition('@')[0]}" in settings.read_text()
    assert server.url.count("@127.0.0.1:") == 1


@pytest.mark.fleet
@pytest.mark.skipif(os.getuid() != 0, reason="only root can be refused as a server's user")
def test_a_missing_user_of_a_server_is_named(folder, monkeypatch):
    monkeypatch.setattr(servers.pwd, "getpwnam", lambda name: {}[name])
    with pytest.raises(ToolError, match="there is no user 'redis', and root must not run the server"):
        servers.started_redis(folder)
