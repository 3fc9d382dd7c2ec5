#!/bin/sh
# `make setup`: nothing at all where the environment stands as the locks say, else what tools/setup.py tells.
set -eu
unset CDPATH PYTHONHOME
cd "$(dirname "$0")/.."
if [ -z "${PYTHON:-}" ] && .venv/bin/python -I -S tools/setup.py --check 2>/dev/null; then
    exit 0
fi
PYTHON=$(sh tools/find_python.sh)
exec "$PYTHON" -I tools/setup.py
