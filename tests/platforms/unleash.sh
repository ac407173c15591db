#!/bin/sh
# Runs Unleash's tests against the real server, on a PostgreSQL of its own:
#   tests/platforms/unleash.sh [FOLDER]
# It needs Node.js (20 or newer) and PostgreSQL's server binaries. unleash-server is installed into FOLDER (by default .venv-unleash, which git
# does not see), once. Takes about five minutes: it waits a minute for the server's limit of new users.
set -eu
folder=${1:-.venv-unleash}
[ -d "$folder/node_modules/unleash-server" ] || npm install --no-audit --no-fund --prefix "$folder" unleash-server@7.5
ORGFORM_UNLEASH=$(cd "$folder" && pwd) exec python -m pytest tests/platforms/test_unleash_real.py -m unleash -p no:cacheprovider
