#!/usr/bin/env bash
# Asks Docker Compose itself whether docker-compose.yml is right; needs Go, and no Docker engine.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
version=v2.40.3
cache=${TASTEGRAPH_ENGINES_CACHE:-$HOME/.cache/tastegraph-engines}/compose-$version
compose=$cache/docker-compose

if [[ ! -x $compose ]]; then
  mkdir -p "$cache/module"
  cd "$cache/module"
  # The exclusions are Compose's own: a dependent module does not inherit them.
  cat >go.mod <<MODULE
module verify

go 1.24.0

require github.com/docker/compose/v2 $version

exclude (
	github.com/davecgh/go-spew v1.1.2-0.20180830191138-d8f796af33cc
	github.com/pmezard/go-difflib v1.0.1-0.20181226105442-5d4384ee4fb2
)
MODULE
  go build -mod=mod -o "$compose" github.com/docker/compose/v2/cmd
fi

# Values for every name of .env.example, so that nothing is left to a default by mistake.
given=$(mktemp)
trap 'rm -f "$given"' EXIT
sed -E 's/^([A-Z0-9_]+)=$/\1=verify-verify-verify-verify-verify/' "$root/.env.example" >"$given"
"$compose" --project-directory "$root" --env-file "$given" -f "$root/docker-compose.yml" config --quiet
echo "docker-compose.yml: Compose $version accepts it"
