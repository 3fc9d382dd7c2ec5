#!/bin/sh
# Prints the Python that the project's environment is made with: the one of PYTHON=..., else that of a .venv which
# stands, else the newest of 3.13, 3.12 and 3.11. Each is started, for a name on PATH may be a pyenv shim that fails.
set -u
unset PYTHONHOME PYTHONPATH

# Prints "usable MINOR PATH" or "lacks MINOR MODULE"; read by Python 2 too, where `python` is one.
probe='
import sys
if sys.version_info[:2] not in ((3, 11), (3, 12), (3, 13)) or sys.implementation.name != "cpython":
    sys.exit("another Python")
import sysconfig
if sysconfig.get_config_var("Py_GIL_DISABLED"):
    sys.exit("TensorFlow has no wheel for a free-threaded Python")
try:
    import ensurepip, ssl, venv
except ImportError as error:
    print("lacks %d %s" % (sys.version_info[1], error.name))
else:
    print("usable %d %s" % (sys.version_info[1], getattr(sys, "_base_executable", None) or sys.executable))
'

# Prints the best answer of the candidates: the newest usable one, else the newest that lacks a module.
best_of() {
    for candidate in "$@"; do
        "$candidate" -c "$probe" 2>/dev/null </dev/null
    done | sort -k1,1r -k2,2nr | head -n 1
}

# Prints the one command that gets a Python here.
how_to_get() {
    sudo=
    [ "$(id -u)" = 0 ] || sudo='sudo '
    if command -v apt-get >/dev/null 2>&1; then
        for version in 3.13 3.12 3.11; do
            if apt-cache show "python$version-venv" >/dev/null 2>&1; then
                echo "${sudo}apt-get install python$version-venv"
                return
            fi
        done
        if ! apt-cache show python3-venv >/dev/null 2>&1; then
            echo "${sudo}apt-get update && ${sudo}apt-get install python3-venv"
            return
        fi
    elif command -v brew >/dev/null 2>&1; then
        echo "brew install python@3.13"
        return
    elif command -v dnf >/dev/null 2>&1; then
        echo "${sudo}dnf install python3.12"
        return
    fi
    if command -v uv >/dev/null 2>&1; then
        echo "uv python install 3.13"
    else
        echo "curl -LsSf https://astral.sh/uv/install.sh | sh && ~/.local/bin/uv python install 3.13"
    fi
}

case "$(uname -s)" in
    MINGW* | MSYS* | CYGWIN*)
        echo "TensorFlow has no wheel for native Windows: install WSL2 (wsl --install) and run make inside it" >&2
        exit 1
        ;;
esac

if [ -n "${PYTHON:-}" ]; then
    found=$(best_of "$PYTHON")
else
    found=$(best_of .venv/bin/python)
    [ -n "$found" ] || found=$(best_of python3.13 python3.12 python3.11 python3 python)
    # Where pyenv and uv keep theirs, only if PATH has none: what PATH shows is the user's choice.
    [ -n "$found" ] || found=$(best_of "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.1[123].*/bin/python \
        "${HOME:-}"/.local/bin/python3.1[123])
fi

case "$found" in
    usable*)
        echo "${found#usable * }"
        ;;
    lacks*)
        minor=${found#lacks } module=${found#lacks * }
        echo "Python 3.${minor%% *} lacks its module $module; the command that gets one which has it:" \
            "$(how_to_get)" >&2
        exit 1
        ;;
    *)
        echo "no ${PYTHON:-Python} of version 3.11, 3.12 or 3.13 starts here; the command that gets one:" \
            "$(how_to_get)" >&2
        exit 1
        ;;
esac
