#!/bin/sh
# `make setup`: nothing at all where `.venv` is as the locks say, else tools/setup/setup.py.
set -eu
unset CDPATH PYTHONHOME
cd "$(dirname "$0")/../.."
if [ -z "${PYTHON:-}" ] && .venv/bin/python -I -S tools/setup/setup.py --check 2>/dev/null; then
    exit 0
fi
PYTHON=$(sh tools/setup/find_python.sh)
exec "$PYTHON" -I -u tools/setup/setup.py
