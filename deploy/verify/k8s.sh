#!/usr/bin/env bash
# Asks a real Kubernetes API server whether the manifests are right: built from its own source, so it needs Go (and
# about eight minutes the first time), but no cluster.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
kubernetes=1.37.2 etcd=3.6.5 keda=2.21.0 operator=0.85.0
cache=${TASTEGRAPH_ENGINES_CACHE:-$HOME/.cache/tastegraph-engines}/kubernetes-$kubernetes
kubectl=$root/.venv/bin/kubectl
mkdir -p "$cache"

module_dir() { (cd "$(mktemp -d)" && go mod download -json "$1" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'); }

build_apiserver() {
  local source
  source=$(module_dir "k8s.io/kubernetes@v$kubernetes")
  mkdir -p "$cache/apiserver-module" && cd "$cache/apiserver-module"
  cat >main.go <<'GO'
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() { os.Exit(cli.Run(app.NewAPIServerCommand())) }
GO
  {
    printf 'module verify\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$kubernetes"
    # Its staging modules are published beside it, under v0 versions.
    sed -nE "s#^[[:space:]]*(k8s.io/[a-z0-9-]+) => ./staging/.*#\t\1 => \1 v0.${kubernetes#*.}#p" "$source/go.mod"
    printf ')\n'
  } >go.mod
  go build -mod=mod -o "$cache/kube-apiserver" .
}

build_etcd() {
  mkdir -p "$cache/etcd-module" && cd "$cache/etcd-module"
  cat >main.go <<'GO'
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
GO
  printf 'module verify\n\ngo 1.26.0\n\nrequire go.etcd.io/etcd/server/v3 v%s\n' "$etcd" >go.mod
  go build -mod=mod -o "$cache/etcd" .
}

[[ -x $cache/etcd ]] || build_etcd
[[ -x $cache/kube-apiserver ]] || build_apiserver

work=$(mktemp -d)
pids=()
finish() {
  # Nothing of theirs is to be kept, and the API server would wait for its etcd.
  kill -9 "${pids[@]}" 2>/dev/null || true
  wait "${pids[@]}" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
free_port() { "$root/.venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
etcd_port=$(free_port) peer_port=$(free_port) port=$(free_port)
token=$(openssl rand -hex 16)
openssl genrsa -out "$work/accounts.key" 2048 2>/dev/null
printf '%s,verify,verify,"system:masters"\n' "$token" >"$work/tokens.csv"

"$cache/etcd" --data-dir "$work/etcd" --log-level error \
  --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
  --listen-peer-urls "http://127.0.0.1:$peer_port" --initial-advertise-peer-urls "http://127.0.0.1:$peer_port" \
  --initial-cluster "default=http://127.0.0.1:$peer_port" >"$work/etcd.log" 2>&1 &
pids+=($!)
"$cache/kube-apiserver" --etcd-servers "http://127.0.0.1:$etcd_port" --secure-port "$port" --bind-address 127.0.0.1 \
  --cert-dir "$work/certificates" --endpoint-reconciler-type none --disable-admission-plugins ServiceAccount \
  --service-cluster-ip-range 10.96.0.0/16 --token-auth-file "$work/tokens.csv" --authorization-mode RBAC \
  --service-account-issuer https://verify --service-account-key-file "$work/accounts.key" \
  --service-account-signing-key-file "$work/accounts.key" >"$work/apiserver.log" 2>&1 &
pids+=($!)

ask() { "$kubectl" --server "https://127.0.0.1:$port" --insecure-skip-tls-verify --token "$token" --cache-dir "$work/kubectl" "$@"; }
for _ in $(seq 60); do
  if ask get --raw /readyz >/dev/null 2>&1; then ready=yes; break; fi
  sleep 1
done
if [[ ${ready:-} != yes ]]; then tail -20 "$work/apiserver.log" >&2; exit 1; fi

# The definitions of KEDA and of the Prometheus operator, from their own sources.
keda_dir=$(module_dir "github.com/kedacore/keda/v2@v$keda")
operator_dir=$(module_dir "github.com/prometheus-operator/prometheus-operator@v$operator")
ask create -f "$keda_dir/config/crd/bases/keda.sh_scaledobjects.yaml" >/dev/null
ask create -f "$operator_dir/example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml" >/dev/null
ask wait --for=condition=Established --timeout=30s crd --all >/dev/null
ask create namespace tastegraph >/dev/null

for overlay in "$root"/deploy/k8s/overlays/*/; do
  "$kubectl" kustomize "$overlay" >"$work/manifests.yaml"
  ask apply --dry-run=server --validate=strict -f "$work/manifests.yaml" | sed "s#^#$(basename "$overlay"): #"
done
echo "manifests: a Kubernetes $kubernetes API server accepts them"
