#!/usr/bin/env bash
# Builds the OpenTelemetry Collector with the official builder, from Go modules alone (Go 1.25 or newer must be installed).
# usage: otel/collector/build.sh [folder]   puts `otelcol` into the folder (default: .cache/otelcol in the repository, which git ignores)
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
folder="${1:-$here/../../.cache/otelcol}"
mkdir -p "$folder"
folder="$(cd "$folder" && pwd)"
release="$(sed -n 's/^  version: //p' "$here/builder.yaml")"

# Modules and compiled packages, 3 GB of them, are of no use afterwards.
export GOPATH="$folder/go" GOMODCACHE="$folder/go/pkg/mod" GOCACHE="$folder/go/cache" GOFLAGS="-buildvcs=false -modcacherw"
trap 'rm -rf "$folder/go" "$folder/build" "$folder/builder.yaml"' EXIT
go install "go.opentelemetry.io/collector/cmd/builder@v$release"
sed "s|output_path: .*|output_path: $folder/build|" "$here/builder.yaml" > "$folder/builder.yaml"
"$GOPATH/bin/builder" --config="$folder/builder.yaml"
mv "$folder/build/otelcol" "$folder/otelcol"
"$folder/otelcol" --version
