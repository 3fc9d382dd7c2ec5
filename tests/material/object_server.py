"""A real server of S3's protocol on the loopback interface: moto's, which honours conditions; others ignore them."""

import importlib.util
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cdiscount_tasks.settings.environment import PROJECT_DIR

VENV = PROJECT_DIR / ".venv-objects"
PROCESS = Path(__file__).with_name("object_process.py")
_START_S = 60
SIGNED = "AWS4-HMAC-SHA256 Credential=anyone/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
"""An owner's request to moto, which looks at no signature: it shows nobody else what a bucket has."""
_numbers = itertools.count(1)


def _python() -> str:
    """Return a Python that has moto: of an environment of its own, of the tests, or of `moto_server` on the path."""
    found = shutil.which("moto_server")
    beside = [VENV / "bin" / "python", *([Path(found).with_name("python")] if found else [])]
    if path := next((path for path in beside if path.exists()), None):
        return str(path)
    if importlib.util.find_spec("moto") is None:
        pytest.skip("no server of object storage is installed: `make objects` makes .venv-objects")
    return sys.executable


def ask(address: str, method: str = "GET", body: Any = None, **headers: str) -> Any:
    """Ask a server once, without any of the project's code; returns the answer, to be closed."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()} | {"Authorization": SIGNED}
    if body is not None:
        headers["Content-Type"] = "application/octet-stream"  # a form would be taken apart
    return urllib.request.urlopen(urllib.request.Request(address, body, headers, method=method), timeout=600)


class ObjectServer:
    """A server that runs, and what a client needs to reach it."""

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self, port: int | None = None) -> dict[str, str]:
        """Return the environment variables of a client; `port`: of a proxy before the server."""
        return {
            "AWS_ACCESS_KEY_ID": "anyone",
            "AWS_SECRET_ACCESS_KEY": "anything",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port or self.port}",
            "AWS_ALLOW_HTTP": "true",
        }

    def new_bucket(self) -> str:
        """Make an empty bucket, another one at each call; returns its URL."""
        name = f"bucket-{os.getpid()}-{next(_numbers)}"
        with ask(f"{self.address}/{name}", "PUT"):
            return f"s3://{name}"

    def address_of(self, url: str) -> str:
        """Return where an object is on this server."""
        return f"{self.address}/{url.removeprefix('s3://')}"

    def put(self, url: str, body: bytes) -> str:
        """Write an object; returns its ETag."""
        with ask(self.address_of(url), "PUT", body) as answer:
            return str(answer.headers["ETag"])

    def put_file(self, url: str, path: Path) -> str:
        """Write a large file as an object, never whole in this process; returns its ETag, when the server has it."""
        size = str(Path(path).stat().st_size)
        with Path(path).open("rb") as file, ask(self.address_of(url), "PUT", file, Content_Length=size):
            pass
        with ask(self.address_of(url), "HEAD") as answer:
            return str(answer.headers["ETag"])

    def read(self, url: str) -> bytes:
        """Return an object's bytes."""
        with ask(self.address_of(url)) as answer:
            return bytes(answer.read())

    def names(self, bucket: str) -> list[str]:
        """Return the names of a bucket's objects, sorted."""
        found: list[str] = []
        after = ""
        while True:
            with ask(f"{self.address_of(bucket)}?list-type=2&start-after={urllib.parse.quote(after)}") as answer:
                page = re.findall(r"<Key>([^<]+)</Key>", answer.read().decode())
            if not page:
                return found
            found, after = [*found, *page], page[-1]


def _port_of(process: "subprocess.Popen[bytes]", said: Path) -> int:
    """Wait for the server to say on which port it listens."""
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(r"Running on http://127\.0\.0\.1:(\d+)", said.read_text()):
            return int(found[1])
        time.sleep(0.05)
    raise AssertionError(f"moto's server did not start: {said.read_text()[-2000:]}")


@contextmanager
def object_server() -> Iterator[ObjectServer]:
    """Run a server whose objects go with it; yields an ObjectServer."""
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said"
        # Nothing of the tests' Python may reach it: it has its own packages.
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"TMPDIR": folder}
        command = [_python(), str(PROCESS), "-H", "127.0.0.1", "-p", "0"]
        with said.open("w") as log, subprocess.Popen(command, env=environ, stdout=log, stderr=log) as process:
            try:
                yield ObjectServer(_port_of(process, said))
            finally:
                process.terminate()
