#!/bin/sh
# Runs Node with the arguments; `VENV_PYTHON` is the environment's Python, an absolute path.
set -eu
. "$(dirname "$0")/../../web/node.sh"
exec node "$@"
