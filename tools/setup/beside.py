"""An environment beside `.venv`, with exactly the packages of hashed locks: `make mlflow`, `make mlflow-server`.

`python -m tools.setup.beside <environment> <lock> ...`, in `.venv`: all are paths in the project's folder.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.setup.setup import PROJECT_DIR, install


def make_beside(project_dir: Path, venv: str, *locks: str) -> None:
    """Make an environment as locks say, unless it is: for this Python, in this place. One at a time."""
    venv_dir = project_dir / venv
    stamp = venv_dir / "setup.stamp"
    digest = hashlib.sha256(b"".join((project_dir / lock).read_bytes() for lock in locks)).hexdigest()
    wanted = f"{sys.version_info[0]}.{sys.version_info[1]} {digest} ".encode() + os.fsencode(venv_dir)
    (project_dir / ".setup").mkdir(exist_ok=True)
    with (project_dir / ".setup" / "lock").open("w") as file:
        os.set_inheritable(file.fileno(), True)  # as in setup.py: as long as the pip of a killed set-up
        fcntl.flock(file, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_bytes() == wanted and (venv_dir / "bin" / "python").exists():
            return
        print(f"set-up of {venv_dir} from {' and '.join(locks)}", flush=True)
        if venv_dir.exists():
            shutil.rmtree(venv_dir)  # made anew rather than changed
        if subprocess.run([sys.executable, "-I", "-m", "venv", venv_dir], check=False).returncode != 0:
            sys.exit(f"{venv_dir}: could not be made, as is said above; look there for rights and free space")
        install(project_dir, *locks, venv=venv)
        stamp.write_bytes(wanted)
        print("set-up finished", flush=True)


if __name__ == "__main__":
    try:
        make_beside(PROJECT_DIR, *sys.argv[1:])
    except OSError as error:
        sys.exit(f"\n{error.filename or PROJECT_DIR}: {error.strerror}; look there for rights and free space")
    except KeyboardInterrupt:
        sys.exit("\nset-up stopped: the next one starts over with what pip's cache holds")
