#!/bin/sh
# Runs Front's tests against Prism, which holds every request and every answer against Front's OpenAPI document:
#   tests/platforms/prism.sh [FOLDER]
# Prism is a program of Node.js (20 or newer). It is installed into FOLDER (by default .venv-prism, which git does not see), once.
set -eu
folder=${1:-.venv-prism}
[ -x "$folder/node_modules/.bin/prism" ] || npm install --no-audit --no-fund --prefix "$folder" @stoplight/prism-cli@5
PRISM=$(cd "$folder" && pwd)/node_modules/.bin/prism exec python -m pytest tests/platforms -m prism -p no:cacheprovider
