#!/bin/sh
# Serves on the bound socket with the descriptor $1; `VENV_PYTHON` is the environment's Python, an absolute path.
set -eu
cd "$(dirname "$0")"
. ../../../web/node.sh

if ! [ node_modules/.package-lock.json -nt package-lock.json ]; then
    echo "node: installing graphql-ws and ws (Node $(node --version))"
    npm ci --silent
fi
exec node server.mjs "$1"
