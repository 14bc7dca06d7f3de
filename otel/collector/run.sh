#!/usr/bin/env bash
# A server, the OpenTelemetry Collector and some requests: prints what the Collector says of the spans that arrive, then metrics by the
# names under which Prometheus scrapes them from it. output.txt is what it printed.
# usage: otel/collector/run.sh [otelcol]   (default: GALATEA_OTELCOL, else otelcol on PATH, else what build.sh has built)
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
top="$(cd "$here/../.." && pwd)"
built="$top/.cache/otelcol/otelcol"
otelcol="${1:-${GALATEA_OTELCOL:-$(command -v otelcol || echo "$built")}}"
if [ ! -x "$otelcol" ]; then
  echo "no collector at $otelcol: build it with otel/collector/build.sh, or name one" >&2
  exit 2
fi

work="$(mktemp -d)"
finish() {
  for pid in ${server:-} ${collector:-}; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

# until_answers URL: waits for an answer of a server that was just started, for a minute at most.
until_answers() {
  for _ in $(seq 600); do
    if curl --silent --fail --output /dev/null "$1"; then return 0; fi
    sleep 0.1
  done
  echo "no answer from $1" >&2
  cat "$work"/*.log >&2
  return 1
}

cd "$top"
# The Node that came with the packages, where another one is too old.
PATH="$top/node_modules/.bin:$PATH"
node examples/prepare.ts
mkdir "$work/models"
cp -rL examples/models/{simple,identity_fp32,silero_stream} "$work/models/"
# So that requests that come together share a run.
echo 'dynamic_batching { max_queue_delay_microseconds: 50000 }' >>"$work/models/simple/config.pbtxt"

export FILES="$work" OTLP_GRPC_ADDRESS=localhost:24317 OTLP_HTTP_ADDRESS=localhost:24318
export PROMETHEUS_ADDRESS=localhost:29464 HEALTH_ADDRESS=localhost:23133
"$otelcol" --config "$here/collector.yaml" --config "$here/to-files.yaml" >"$work/collector.log" 2>&1 &
collector=$!
until_answers http://localhost:23133

OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:24318 OTEL_TRACES_EXPORTER=otlp OTEL_METRICS_EXPORTER=otlp OTEL_LOGS_EXPORTER=otlp \
  OTEL_BSP_SCHEDULE_DELAY=200 OTEL_METRIC_EXPORT_INTERVAL=500 OTEL_METRIC_EXPORT_TIMEOUT=500 \
  node src/main.ts serve --model-repository "$work/models" --http-address 127.0.0.1 --http-port 28000 --allow-grpc=false \
  --metrics-port 28002 >"$work/server.log" 2>&1 &
server=$!
until_answers http://localhost:28000/v2/health/ready

# Requests of a client that is part of a trace itself, all at once, so that some of them share a batch.
row="[$(seq -s, 16)]"
body='{"inputs":[{"name":"INPUT0","shape":[1,16],"datatype":"INT32","data":'"$row"'},{"name":"INPUT1","shape":[1,16],"datatype":"INT32","data":'"$row"'}]}'
curl --silent --no-progress-meter --parallel --parallel-immediate --data "$body" \
  --header "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" \
  $(printf 'http://localhost:28000/v2/models/simple/infer %.0s' $(seq 4)) >/dev/null
node otel/traffic.ts http://localhost:28000 --seconds 2 --clients 4
sleep 2

version="$("$otelcol" --version)"
echo "# $version: spans of the requests with a traceparent, of one batch with the requests that it is linked to, and logs"
node "$here/show.ts" "$work"
echo
echo "# Metrics, as Prometheus scrapes them from the collector"
curl --silent http://localhost:29464/metrics |
  grep -E '^(nv_inference_(request_success|count|exec_count)|galatea_batch_size_(sum|count)|galatea_request_duration_seconds_count)\{.*model="simple"'
