#!/bin/sh
# Installs a browser into the environment of $VENV_PYTHON, an absolute path: the folder browser/ and bin/chromium.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
environment=${VENV_PYTHON%/bin/*}
. "$here/../../web/node.sh"

echo "browser: none on PATH; installing a headless chromium (70 MB, once)"
folder=$environment/browser
rm -rf "$folder"
mkdir "$folder"
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$here/fonts.conf" "$here/unpack.mjs" "$folder"
cd "$folder"
npm ci --silent
TMPDIR=$folder node unpack.mjs
rm -r node_modules

cat > chromium.sh <<'SH'
#!/bin/sh
folder=$(dirname "$0")/../browser
export LD_LIBRARY_PATH="$folder/al2023/lib" FONTCONFIG_FILE="$folder/fonts.conf"
exec "$folder/chromium" "$@"
SH
chmod +x chromium.sh
mv chromium.sh "$environment/bin/chromium"
