#!/bin/sh
# `make lock`: writes both locks from the .in files, for Python 3.11 to 3.13 on every platform. Pins that still fit stay;
# `make lock UPGRADE=1` takes the newest.
set -eu
unset CDPATH PYTHONHOME
cd "$(dirname "$0")/../.."
for name in requirements requirements-dev; do
    # 3.11 is the lowest version: a lock made for 3.12 would hold no NumPy that runs on 3.11.
    .venv/bin/python -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-emit-find-links --custom-compile-command 'make lock' ${UPGRADE:+--upgrade} "$name.in" -o "$name.txt"
done
