#!/bin/sh
# Runs a client of this folder, $1; `VENV_PYTHON` is the environment's Python, an absolute path.
set -eu
cd "$(dirname "$0")"
. ../../web/node.sh
exec node "$@"
