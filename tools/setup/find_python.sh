#!/bin/sh
# Prints the Python that `.venv` is made with: that of PYTHON=..., else of the present .venv, else the newest on PATH, else
# one of pyenv or uv. Each candidate is started: a name on PATH may be a pyenv shim that fails.
set -u
unset PYTHONHOME PYTHONPATH
probe='
import ensurepip, sqlite3, ssl, sys, sysconfig, venv
fits = (3, 11) <= sys.version_info[:2] <= (3, 13) and sys.implementation.name == "cpython"
if not fits or sysconfig.get_config_var("Py_GIL_DISABLED"): sys.exit(1)  # TensorFlow has wheels for no other
print(getattr(sys, "_base_executable", None) or sys.executable)'
[ -n "${PYTHON:-}" ] && set -- "$PYTHON" || set -- .venv/bin/python python3.13 python3.12 python3.11 python3 python \
    "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.1[123].*/bin/python "${HOME:-}"/.local/bin/python3.1[123]
for candidate in "$@"; do
    found=$("$candidate" -I -c "$probe" 2>/dev/null </dev/null) && [ -n "$found" ] && echo "$found" && exit
done

get='curl -LsSf https://astral.sh/uv/install.sh | sh && ~/.local/bin/uv python install 3.13'
command -v dnf >/dev/null && get='sudo dnf install python3.12'
command -v brew >/dev/null && get='brew install python@3.13'
if command -v apt-get >/dev/null; then
    venv=$(apt-cache search --names-only '^python3\.1[123]-venv$' 2>/dev/null | sort | tail -n 1)
    get="sudo apt-get update && sudo apt-get install $(echo "${venv:-python3-venv}" | cut -d' ' -f1)"
fi
[ "$(id -u)" = 0 ] && get=$(echo "$get" | sed 's/sudo //g')
echo "${PYTHON:+PYTHON=$PYTHON does not do: }no Python 3.11, 3.12 or 3.13 with its modules venv, ssl and sqlite3 starts" \
    "here; this gets one: $get" >&2
exit 1
