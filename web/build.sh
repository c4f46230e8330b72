#!/bin/sh
# Builds the pages into the package; `VENV_PYTHON` is the environment's Python, an absolute path.
set -eu
cd "$(dirname "$0")"
. ./node.sh

if ! [ node_modules/.package-lock.json -nt package-lock.json ]; then
    echo "pages: installing what they are made of (Node $(node --version))"
    npm ci --silent
fi
echo "pages: building"
npm run --silent build
