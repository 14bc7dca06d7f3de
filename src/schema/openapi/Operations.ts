/** What can be asked over HTTP, as the server's OpenAPI document describes it: one row for each path and method. */
import type { ComponentName } from "./Components.ts"

/** @category models */
export interface Operation {
  /** As in the routing table: what stands in brackets may be left out. */
  readonly path: string
  readonly method: "get" | "post"
  readonly id: string
  readonly tag:
    | "health"
    | "metadata"
    | "inference"
    | "repository"
    | "statistics"
    | "trace"
    | "logging"
    | "shared memory"
    | "server"
  readonly summary: string
  /** The body as JSON. Absent: none is read. */
  readonly body?: { readonly schema: ComponentName; readonly required: boolean }
  /** The answer 200. `undefined`: it has no body. */
  readonly answer: { readonly schema: ComponentName } | { readonly type: string } | undefined
  /** Statuses of errors, whose body is an `Error`. */
  readonly errors: ReadonlyArray<number>
}

const model = "/v2/models/{model}[/versions/{version}]"
const repository = "/v2/repository[/{repository}]"
const json = (schema: ComponentName, required = false) => ({ schema, required })
const found = [400, 403, 404, 503]

const notImplemented = (path: string, method: "get" | "post", id: string, summary: string): Operation => ({
  path,
  method,
  id,
  tag: "inference",
  summary: `${summary}: not implemented`,
  answer: undefined,
  errors: [403, 404, 501]
})

const regions = (kind: "system" | "cuda"): ReadonlyArray<Operation> => {
  const path = `/v2/${kind}sharedmemory[/region/{region}]`
  const named = kind === "system" ? "System" : "Cuda"
  const common = { tag: "shared memory", errors: [400, 403, 404, 413, 415, 500, 501, 503] } as const
  return [
    {
      ...common,
      path: `${path}/status`,
      method: "get",
      id: `sharedMemory${named}Status`,
      summary: `Regions of shared memory that clients have registered: ${kind}`,
      answer: json("Regions")
    },
    {
      ...common,
      path: `${path}/register`,
      method: "post",
      id: `sharedMemory${named}Register`,
      summary: `Registers a region of shared memory: ${kind}`,
      body: json(kind === "system" ? "RegisterRequest" : "CudaRegisterRequest", true),
      answer: undefined
    },
    {
      ...common,
      path: `${path}/unregister`,
      method: "post",
      id: `sharedMemory${named}Unregister`,
      summary: `Forgets a region of shared memory, or all: ${kind}`,
      answer: undefined
    }
  ]
}

/** @category models */
export const operations: ReadonlyArray<Operation> = [
  {
    path: "/v2/health/live",
    method: "get",
    id: "serverLive",
    tag: "health",
    summary: "Whether the server runs",
    answer: undefined,
    errors: [400, 403, 503]
  },
  {
    path: "/v2/health/ready",
    method: "get",
    id: "serverReady",
    tag: "health",
    summary: "Whether the server takes requests",
    answer: undefined,
    errors: [400, 403, 503]
  },
  {
    path: "/v2",
    method: "get",
    id: "serverMetadata",
    tag: "metadata",
    summary: "Name, version and extensions of the server",
    answer: json("ServerMetadata"),
    errors: [403, 503]
  },
  {
    path: model,
    method: "get",
    id: "modelMetadata",
    tag: "metadata",
    summary: "Inputs and outputs of a model",
    answer: json("ModelMetadata"),
    errors: found
  },
  {
    path: `${model}/ready`,
    method: "get",
    id: "modelReady",
    tag: "health",
    summary: "Whether a model takes requests",
    answer: undefined,
    errors: found
  },
  {
    path: `${model}/config`,
    method: "get",
    id: "modelConfig",
    tag: "metadata",
    summary: "The final configuration of a model",
    answer: json("ModelConfig"),
    errors: found
  },
  {
    path: `${model}/stats`,
    method: "get",
    id: "modelStatistics",
    tag: "statistics",
    summary: "Counts and times of a model",
    answer: json("Statistics"),
    errors: found
  },
  {
    path: "/v2/models/stats",
    method: "get",
    id: "statistics",
    tag: "statistics",
    summary: "Counts and times of all models",
    answer: json("Statistics"),
    errors: [403, 503]
  },
  {
    path: `${model}/infer`,
    method: "post",
    id: "modelInfer",
    tag: "inference",
    summary: "Runs a model",
    body: json("InferenceRequest", true),
    answer: json("InferenceResponse"),
    errors: [400, 403, 404, 409, 413, 415, 500, 501, 503, 504]
  },
  {
    path: "/v2/models/{model}/rollout",
    method: "get",
    id: "modelRollout",
    tag: "metadata",
    summary: "Labels, weights and shadow of a model",
    answer: json("Rollout"),
    errors: found
  },
  {
    path: `${repository}/index`,
    method: "post",
    id: "repositoryIndex",
    tag: "repository",
    summary: "Every model and version with its state",
    body: json("IndexRequest"),
    answer: json("Index"),
    errors: [400, 403, 413, 415, 500, 501, 503]
  },
  {
    path: `${repository}/models/{model}/load`,
    method: "post",
    id: "repositoryModelLoad",
    tag: "repository",
    summary: "Loads a model",
    body: json("LoadRequest"),
    answer: undefined,
    errors: [400, 403, 404, 413, 415, 500, 501, 503]
  },
  {
    path: `${repository}/models/{model}/unload`,
    method: "post",
    id: "repositoryModelUnload",
    tag: "repository",
    summary: "Unloads a model",
    body: json("UnloadRequest"),
    answer: undefined,
    errors: [400, 403, 404, 413, 415, 500, 501, 503]
  },
  ...(["/v2/trace/setting", "/v2/models/{model}/trace/setting"] as const).flatMap((path): ReadonlyArray<Operation> => {
    const common = { path, tag: "trace", answer: json("TraceSetting") } as const
    const whose = path === "/v2/trace/setting" ? "" : "Model"
    return [
      {
        ...common,
        method: "get",
        id: `trace${whose}Setting`,
        summary: "What is traced",
        errors: found
      },
      {
        ...common,
        method: "post",
        id: `changeTrace${whose}Setting`,
        summary: "Changes what is traced",
        body: json("TraceSetting", true),
        errors: [400, 403, 404, 413, 415, 500, 501, 503]
      }
    ]
  }),
  {
    path: "/v2/logging",
    method: "get",
    id: "logSetting",
    tag: "logging",
    summary: "What is written into the log",
    answer: json("LogSetting"),
    errors: [403, 503]
  },
  {
    path: "/v2/logging",
    method: "post",
    id: "changeLogSetting",
    tag: "logging",
    summary: "Changes what is written into the log",
    body: json("LogSetting", true),
    answer: json("LogSetting"),
    errors: [400, 403, 413, 415, 500, 501, 503]
  },
  {
    path: "/v2/metrics/place",
    method: "get",
    id: "metricsPlace",
    tag: "server",
    summary: "Where the metrics are",
    answer: json("MetricsPlace"),
    errors: [403, 503]
  },
  {
    path: "/v2/docs/openapi.json",
    method: "get",
    id: "openApi",
    tag: "server",
    summary: "This document",
    answer: { type: "application/json" },
    errors: [400, 403, 404, 503]
  },
  ...regions("system"),
  ...regions("cuda"),
  notImplemented(`${model}/generate`, "post", "modelGenerate", "Generate"),
  notImplemented(`${model}/generate_stream`, "post", "modelGenerateStream", "Generate as a stream")
]
