/**
 * Shared memory that clients register: of the system, and of CUDA devices as in a server that was built without GPUs.
 *
 * Source: protocol §3.9, §3.10.
 */
import { Result } from "effect"
import { InvalidRequest } from "../../../../../schema/Errors.ts"
import { disabled, type RegionStatus } from "../../../../../services/ClientMemory.ts"
import * as CudaRegions from "../../CudaRegions.ts"
import { asString, asUnsigned, attempt } from "../../json/JsonAccess.ts"
import { parseDocument } from "../../json/JsonDocument.ts"
import { isObject, type JsonValue } from "../../json/JsonValue.ts"
import { quote } from "../Answer.ts"
import type { Call } from "../Call.ts"
import type { Route } from "../Router.ts"
import type { Door } from "./Door.ts"
import { withJsonBody } from "./JsonBody.ts"

const common = { category: "shared-memory", contentType: "application/json" } as const

const path = (kind: "system" | "cuda", verb: string): string => `/v2/${kind}sharedmemory[/region/{region}]/${verb}`

/** @internal */
export const routes = (door: Door): ReadonlyArray<Route> => [...system(door), ...cuda(door)]

const system = (door: Door): ReadonlyArray<Route> => {
  const { clientMemory } = door
  return [
    {
      ...common,
      path: path("system", "status"),
      get: (call) => {
        const regions = clientMemory.status(call.captures.region)
        if (Result.isFailure(regions)) call.failure(regions.failure)
        else call.text("application/json", `[${regions.success.map(statusJson).join(",")}]`)
      }
    },
    {
      ...common,
      path: path("system", "register"),
      post: (call) => {
        if (!clientMemory.allowed) return call.failure(disabled())
        if (call.captures.region === "") return call.failure(unnamed("system"))
        withJsonBody(door, call, (body) => register(door, call, body))
      }
    },
    {
      ...common,
      path: path("system", "unregister"),
      post: (call) => {
        const ended = clientMemory.unregister(call.captures.region)
        if (Result.isFailure(ended)) call.failure(ended.failure)
        else call.empty(200)
      }
    }
  ]
}

const cuda = ({ clientMemory }: Door): ReadonlyArray<Route> => [
  {
    ...common,
    path: path("cuda", "status"),
    get: (call) => {
      const failure = CudaRegions.statusFailure(clientMemory, call.captures.region)
      if (failure === undefined) call.text("application/json", "[]")
      else call.failure(failure)
    }
  },
  {
    ...common,
    path: path("cuda", "register"),
    post: (call) => {
      if (!clientMemory.allowed) return call.failure(disabled())
      const { region } = call.captures
      call.failure(region === "" ? unnamed("cuda") : CudaRegions.notSupported(region))
    }
  },
  {
    ...common,
    path: path("cuda", "unregister"),
    post: (call) => {
      if (clientMemory.allowed) call.empty(200)
      else call.failure(disabled())
    }
  }
]

const unnamed = (kind: "system" | "cuda"): InvalidRequest =>
  new InvalidRequest({ message: `'region name' is necessary to register ${kind} shared memory region` })

const statusJson = ({ byteSize, key, name, offset }: RegionStatus): string =>
  `{"name":${quote(name)},"key":${quote(key)},"offset":${offset},"byte_size":${byteSize}}`

const register = ({ clientMemory }: Door, call: Call, body: JsonValue | undefined): void => {
  const document = body === undefined ? parseDocument(new Uint8Array(0)) : Result.succeed(body)
  const registered = Result.flatMap(
    Result.flatMap(document, (value) => attempt(() => read(value))),
    ({ byteSize, key, offset }) => clientMemory.register(call.captures.region, key, offset, byteSize)
  )
  if (Result.isFailure(registered)) call.failure(registered.failure)
  else call.empty(200)
}

/** What a request to register says, in Triton's order; throws `InvalidRequest` and `MalformedRequest`. */
const read = (
  body: JsonValue
): { readonly key: string; readonly offset: number | bigint; readonly byteSize: number | bigint } => {
  const members = isObject(body) ? body : undefined
  const needed = (name: string): JsonValue => {
    const value = members?.get(name)
    if (value !== undefined) return value
    throw new InvalidRequest({ message: `Shared memory register request has no '${name}' field` })
  }
  const key = asString(needed("key"))
  const offset = members?.get("offset")
  return {
    key,
    offset: offset === undefined ? 0 : asUnsigned(offset),
    byteSize: asUnsigned(needed("byte_size"))
  }
}
