/**
 * Every option of model-config §7.2 and of this server: a text to give, the value that comes of it, and what giving it does.
 *
 * `effect`: the option has one, without a warning. `pending` and `ignored`: one warning. `refused`: an error.
 */
import type { OptionName } from "../../../src/schema/ServerOptions.ts"

export interface OptionCase {
  readonly name: OptionName
  /** `undefined` for a switch. */
  readonly text: string | undefined
  readonly value: unknown
  readonly outcome: "effect" | "pending" | "ignored" | "refused"
}

const row = (
  name: OptionName,
  text: string | undefined,
  value: unknown,
  outcome: OptionCase["outcome"] = "effect"
): OptionCase => ({ name, text, value, outcome })

const restriction = { categories: ["health", "logging"], header: "key", value: "secret=1" }

export const cases: ReadonlyArray<OptionCase> = [
  // Server and repository
  row("id", "mine", "mine"),
  row("exit-timeout-secs", "7", 7),
  row("model-repository", "/models", ["/models"]),
  row("exit-on-error", "off", false),
  row("disable-auto-complete-config", undefined, true),
  row("strict-model-config", "TRUE", true),
  row("strict-readiness", "0", false),
  row("model-control-mode", "NONE", "none"),
  row("repository-poll-secs", "3", 3),
  row("load-model", "simple", ["simple"], "refused"),
  row("model-config-name", "h100", "h100"),
  row("model-load-thread-count", "2", 2),
  row("model-load-retry-count", "3", 3),
  row("model-namespacing", "on", true),
  row("enable-peer-access", "false", false, "ignored"),
  // HTTP
  row("allow-http", "false", false),
  row("http-address", "127.0.0.1", "127.0.0.1"),
  row("http-port", "9000", 9000),
  row("reuse-http-port", "1", true),
  row("http-header-forward-pattern", "(?-i)^X-", "(?-i)^X-"),
  row("http-thread-count", "4", 4, "ignored"),
  row("http-max-input-size", "1024", 1024),
  row("http-restricted-api", "health,logging:key=secret=1", [restriction]),
  // gRPC
  row("allow-grpc", "false", false),
  row("grpc-address", "127.0.0.1", "127.0.0.1"),
  row("grpc-port", "9001", 9001),
  row("reuse-grpc-port", "true", true),
  row("grpc-header-forward-pattern", "^x-", "^x-"),
  row("grpc-infer-thread-count", "4", 4, "ignored"),
  row("grpc-infer-allocation-pool-size", "16", 16, "ignored"),
  row("grpc-max-response-pool-size", "5", 5, "ignored"),
  row("grpc-restricted-protocol", "health,logging:key=secret=1", [restriction]),
  row("grpc-max-connection-age", "1000", 1000),
  row("grpc-max-connection-age-grace", "1000", 1000),
  row("grpc-use-ssl", "true", true, "refused"),
  row("grpc-use-ssl-mutual", "true", true, "refused"),
  row("grpc-server-cert", "/c.pem", "/c.pem"),
  row("grpc-server-key", "/k.pem", "/k.pem"),
  row("grpc-root-cert", "/r.pem", "/r.pem"),
  row("grpc-infer-response-compression-level", "LOW", "low"),
  row("grpc-keepalive-time", "1", 1),
  row("grpc-keepalive-timeout", "1", 1),
  row("grpc-keepalive-permit-without-calls", "on", true),
  row("grpc-http2-max-pings-without-data", "1", 1),
  row("grpc-http2-min-recv-ping-interval-without-data", "1", 1),
  row("grpc-http2-max-ping-strikes", "1", 1),
  // Metrics, logging, tracing
  row("allow-metrics", "false", false),
  row("allow-gpu-metrics", "false", false, "pending"),
  row("allow-cpu-metrics", "false", false),
  row("metrics-address", "127.0.0.1", "127.0.0.1"),
  row("metrics-port", "9002", 9002),
  row("metrics-interval-ms", "500", 500),
  row("metrics-config", "summary_quantiles=0.5:0.05,0.9:0.01", [
    { scope: "", key: "summary_quantiles", value: "0.5:0.05,0.9:0.01" }
  ]),
  row("log-verbose", "2", 2),
  row("log-info", "false", false),
  row("log-warning", "true", true),
  row("log-error", "1", true),
  row("log-format", "iso8601", "ISO8601"),
  row("log-file", "/tmp/galatea-test.txt", "/tmp/galatea-test.txt"),
  row("trace-config", "triton,file=/tmp/t.json", [{ scope: "triton", key: "file", value: "/tmp/t.json" }]),
  row("trace-file", "/t.json", "/t.json"),
  row("trace-level", "Off", ["OFF"]),
  row("trace-rate", "10", 10),
  row("trace-count", "-1", -1),
  row("trace-log-frequency", "5", 5),
  // Backends, caches, scheduling, memory
  row("backend-directory", "/b", "/b", "ignored"),
  row("backend-config", "onnxruntime,default-max-batch-size=8", [
    { scope: "onnxruntime", key: "default-max-batch-size", value: "8" }
  ]),
  row("repoagent-directory", "/a", "/a", "ignored"),
  row("cache-directory", "/c", "/c", "ignored"),
  row("cache-config", "local,size=1048576", [{ scope: "local", key: "size", value: "1048576" }]),
  row("response-cache-byte-size", "1048576", 1048576),
  row("rate-limit", "execution_count", "execution_count", "effect"),
  row("rate-limit-resource", "R1:10:0", [{ name: "R1", count: 10, device: 0 }], "effect"),
  row("pinned-memory-pool-byte-size", "1024", 1024, "ignored"),
  row("cuda-memory-pool-byte-size", "0:1024", [{ device: 0, amount: 1024 }], "ignored"),
  row("cuda-virtual-address-size", "1:2048", [{ device: 1, amount: 2048 }], "ignored"),
  row("min-supported-compute-capability", "7.5", "7.5", "pending"),
  row("buffer-manager-thread-count", "2", 2, "ignored"),
  row("host-policy", "gpu_0,numa-node=1", [{ scope: "gpu_0", key: "numa-node", value: "1" }], "ignored"),
  row("model-load-gpu-limit", "0:0.5", [{ device: 0, amount: 0.5 }], "pending"),
  row("allow-client-shm", "true", true, "pending"),
  // Cloud platforms
  row("allow-sagemaker", "true", true, "ignored"),
  row("sagemaker-port", "8081", 8081, "ignored"),
  row("sagemaker-safe-port-range", "8000-9000", "8000-9000", "ignored"),
  row("sagemaker-thread-count", "2", 2, "ignored"),
  row("allow-vertex-ai", "true", true, "ignored"),
  row("vertex-ai-port", "8082", 8082, "ignored"),
  row("vertex-ai-thread-count", "2", 2, "ignored"),
  row("vertex-ai-default-model", "simple", "simple", "ignored")
]

/** Options that Triton does not have. */
export const ownCases: ReadonlyArray<OptionCase> = [
  row("exit-drain-ms", "2000", 2000),
  row("exit-receive-timeout-ms", "100", 100),
  row("model-residency-budget", "1073741824", 1073741824),
  row("model-residency-idle-secs", "60", 60),
  row("model-residency-max-waiting", "10", 10),
  row("model-residency-wait-ms", "5000", 5000),
  row("repository-settle-ms", "100", 100),
  row("max-overridden-models", "2", 2),
  row("custom-models", "all", "all"),
  row("http-max-request-bytes", "1024", 1024),
  row("http-max-inflight-requests", "10", 10),
  row("http-max-inflight-bytes", "1024", 1024),
  row("http-max-connections", "10", 10),
  row("http-max-header-bytes", "2048", 2048),
  row("http-header-timeout-ms", "100", 100),
  row("http-body-timeout-ms", "100", 100),
  row("http-request-timeout-ms", "100", 100),
  row("http-idle-timeout-ms", "100", 100),
  row("http-server-timing", "true", true),
  row("http-cors-allow-origin", "https://app.example", ["https://app.example"]),
  row("grpc-max-request-bytes", "1024", 1024),
  row("grpc-max-response-bytes", "1024", 1024),
  row("grpc-max-inflight-requests", "10", 10),
  row("grpc-max-inflight-bytes", "1024", 1024),
  row("grpc-max-stream-requests", "10", 10),
  row("grpc-reflection", "false", false),
  row("grpc-max-health-watches", "10", 10),
  row("grpc-health-watch-interval-ms", "100", 100),
  row("grpc-max-connections", "10", 10),
  row("grpc-max-concurrent-streams", "10", 10),
  row("grpc-max-metadata-bytes", "2048", 2048),
  row("grpc-handshake-timeout-ms", "100", 100),
  row("grpc-body-timeout-ms", "100", 100),
  row("grpc-idle-timeout-ms", "100", 100),
  row("allow-rpc", "false", false),
  row("console", "ON", "true"),
  row("rpc-max-message-bytes", "1024", 1024),
  row("max-queue-size", "10", 10),
  row("sequence-max-backlog", "10", 10),
  row("sequence-drain-ms", "100", 100),
  row("split-oversized-batches", "true", true),
  row("tensor-memory-idle-bytes", "0", 0),
  row("model-isolation", "process", "process"),
  row("instance-heartbeat-timeout-ms", "900", 900),
  row("instance-stall-timeout-secs", "5", 5),
  row("instance-max-memory-megabytes", "64", 64),
  row("instance-max-growth-megabytes", "64", 64),
  row("instance-breaker-losses", "3", 3),
  row("instance-breaker-window-secs", "5", 5),
  row("instance-breaker-pause-secs", "5", 5),
  row("instance-heap-megabytes", "64", 64),
  row("instance-log-lines", "5", 5),
  row("instance-cores", "1", 1),
  row("log-requests", "ALL", "all"),
  row("log-buffer-bytes", "65536", 65536),
  row("log-max-message-length", "1000", 1000),
  row("repository-cache-directory", "cache", "cache"),
  row("repository-cache-bytes", "1024", 1024),
  row("repository-fetch-concurrency", "1", 1),
  row("repository-fetch-retry-count", "0", 0),
  row("repository-fetch-timeout-secs", "5", 5),
  row("repository-max-files", "10", 10),
  row("repository-max-index-bytes", "1024", 1024),
  row("repository-max-redirects", "0", 0),
  row("trace-file-max-pending-bytes", "1024", 1024),
  row("trace-max-models", "2", 2),
  row("shadow-max-inflight-requests", "0", 0),
  row("shadow-max-inflight-bytes", "1048576", 1048576)
]
