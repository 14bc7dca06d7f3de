/**
 * Everything that a client may ask for, with what an API key must allow for it: the one table by which every front end decides.
 *
 * A route, an RPC or a procedure that has no row here cannot be served: the front end that has one does not start.
 */

/** What an API key may do to models. @category constants */
export const verbs = ["infer", "read", "admin"] as const

/** @category models */
export type Verb = (typeof verbs)[number]

/**
 * What an operation needs of whoever asks.
 *
 * - `open`: nothing.
 * - `probe`: nothing, unless the server is told that probes need a key too.
 * - `key`: any key that is valid.
 * - a verb: a key that has it.
 *
 * @category models
 */
export type Need = "open" | "probe" | "key" | Verb

/**
 * What an operation is about.
 *
 * - `model`: the model that the request names; without a name, the whole server.
 * - `server`: the whole server, for which the verb must hold for every model.
 * - `visible`: the models that the key may read; others are left out of the answer.
 * - `nothing`: no model.
 *
 * @category models
 */
export type About = "model" | "server" | "visible" | "nothing"

/** @category models */
export interface Operation {
  readonly need: Need
  readonly about: About
  /** What it needs instead where the request changes something. Over HTTP a change is an operation of its own. */
  readonly change?: Verb
  /** Routes of HTTP, as method and pattern. */
  readonly http: ReadonlyArray<string>
  /** The method of the inference service of gRPC, and the procedure of Effect RPC. */
  readonly rpc: ReadonlyArray<string>
  /** Paths of other services of gRPC. */
  readonly grpc: ReadonlyArray<string>
}

const operation = (
  need: Need,
  about: About,
  ways: Partial<Omit<Operation, "need" | "about">>
): Operation => ({ http: [], rpc: [], grpc: [], ...ways, need, about })

const versioned = "/v2/models/{model}[/versions/{version}]"
const sharedMemory = (kind: "system" | "cuda", verb: string) => `/v2/${kind}sharedmemory[/region/{region}]/${verb}`
const health = "/grpc.health.v1.Health/"
const reflection = (version: string) => `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`

/** @category constants */
export const operations: ReadonlyArray<Operation> = [
  operation("infer", "model", {
    http: [`POST ${versioned}/infer`, `POST ${versioned}/generate`, `POST ${versioned}/generate_stream`],
    rpc: ["ModelInfer", "ModelStreamInfer"]
  }),
  operation("probe", "nothing", {
    http: ["GET /v2/health/live", "GET /v2/health/ready"],
    rpc: ["ServerLive", "ServerReady"],
    grpc: [`${health}Check`, `${health}List`, `${health}Watch`]
  }),
  operation("key", "nothing", {
    http: ["GET /v2", "GET /v2/metrics/place"],
    rpc: ["ServerMetadata"],
    grpc: [reflection("v1"), reflection("v1alpha")]
  }),
  operation("read", "model", {
    http: [
      `GET ${versioned}`,
      `GET ${versioned}/ready`,
      `GET ${versioned}/config`,
      `GET ${versioned}/stats`,
      "GET /v2/models/{model}/rollout",
      "GET /v2/models/{model}/trace/setting"
    ],
    rpc: ["ModelMetadata", "ModelReady", "ModelConfig"]
  }),
  operation("read", "visible", {
    http: ["POST /v2/repository[/{repository}]/index", "GET /v2/models/stats", "GET /v2/docs/openapi.json"],
    rpc: ["RepositoryIndex"]
  }),
  // Without a model it is about the visible ones.
  operation("read", "model", { rpc: ["ModelStatistics"] }),
  operation("read", "model", { change: "admin", rpc: ["TraceSetting"] }),
  operation("read", "server", { change: "admin", rpc: ["LogSettings"] }),
  operation("read", "server", {
    http: [
      "GET /v2/logging",
      "GET /v2/trace/setting",
      `GET ${sharedMemory("system", "status")}`,
      `GET ${sharedMemory("cuda", "status")}`
    ],
    rpc: ["SystemSharedMemoryStatus", "CudaSharedMemoryStatus"]
  }),
  operation("admin", "model", {
    http: [
      "POST /v2/repository[/{repository}]/models/{model}/load",
      "POST /v2/repository[/{repository}]/models/{model}/unload",
      "POST /v2/models/{model}/trace/setting"
    ],
    rpc: ["RepositoryModelLoad", "RepositoryModelUnload"]
  }),
  operation("admin", "server", {
    http: [
      "POST /v2/logging",
      "POST /v2/trace/setting",
      ...["register", "unregister"].flatMap((verb) => [
        `POST ${sharedMemory("system", verb)}`,
        `POST ${sharedMemory("cuda", verb)}`
      ])
    ],
    rpc: [
      "SystemSharedMemoryRegister",
      "SystemSharedMemoryUnregister",
      "CudaSharedMemoryRegister",
      "CudaSharedMemoryUnregister"
    ]
  }),
  // The files of a page say nothing of this server, and a POST of RPC asks for each of its procedures. The state of the console
  // holds what its request may see, and names the header that the rest needs.
  operation("open", "nothing", {
    http: ["POST /rpc[/]", "GET /v2/console", "GET /v2/console/", "GET /v2/console/{file}", "GET /v2/console/state"]
  })
]

const indexOf = (ways: (operation: Operation) => ReadonlyArray<string>): ReadonlyMap<string, Operation> =>
  new Map(operations.flatMap((operation) => ways(operation).map((way) => [way, operation] as const)))

const byRoute = indexOf(({ http }) => http)
const byRpc = indexOf(({ rpc }) => rpc)
const byPath = indexOf(({ grpc }) => grpc)

const service = "/inference.GRPCInferenceService/"

const listed = (found: Operation | undefined, way: string): Operation => {
  if (found === undefined) throw new Error(`${way} has no row in schema/Operations.ts, which says who may ask for it`)
  return found
}

/** The operation of a route, by its method and its pattern. One that is not in the table is a bug and throws. @category getters */
export const ofRoute = (method: "GET" | "POST", path: string): Operation =>
  listed(byRoute.get(`${method} ${path}`), `${method} ${path}`)

/** The operation of a procedure of Effect RPC. One that is not in the table is a bug and throws. @category getters */
export const ofProcedure = (name: string): Operation => listed(byRpc.get(name), name)

/** The operation of a method of gRPC, by its whole path. One that is not in the table is a bug and throws. @category getters */
export const ofMethod = (path: string): Operation =>
  listed(path.startsWith(service) ? byRpc.get(path.slice(service.length)) : byPath.get(path), path)
