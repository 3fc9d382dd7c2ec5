#!/bin/sh
# `make setup`, in the project's folder: nothing at all where `.venv` is as the locks say, else tools/setup/setup.py.
set -eu
[ -z "${PYTHON:-}" ] && .venv/bin/python -I -S tools/setup/setup.py --check 2>/dev/null && exit
PYTHON=$(sh tools/setup/find_python.sh)
exec "$PYTHON" -I -u tools/setup/setup.py
