#!/usr/bin/env bash
# A first try, from nothing to a company on a server of its own: start it, make a token, apply, and nothing is left to do.
# Needs orgform on the PATH and nothing else; leaves nothing behind. `PORT` is where it listens: any free port, if not given.
set -euo pipefail
cd "$(dirname "$0")"

work=$(mktemp -d) server=''
trap 'kill "$server" 2>/dev/null && wait "$server" || true; rm -rf "$work"' EXIT
export ORGFORM_DATABASE="$work/orgform.db" ORGFORM_LEDGER="$work/ledger.db"

orgform serve --port "${PORT:-0}" >"$work/first-line" 2>"$work/log" &
server=$!
until [ -s "$work/first-line" ]; do
  kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
  sleep 0.1
done
cat "$work/first-line"
url=$(cut -d ' ' -f 3 "$work/first-line")

ORGFORM_TOKEN=$(orgform token create --company acme --scope write)
export ORGFORM_TOKEN ORGFORM_VAR_port="${url##*:}" ORGFORM_ALLOW_TARGETS="acme=$url"

orgform apply -C company --yes
orgform plan -C company --detailed-exitcode

kill "$server"
wait "$server"
echo 'The server has stopped.'
