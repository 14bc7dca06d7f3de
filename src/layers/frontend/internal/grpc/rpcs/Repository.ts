/** Index, load and unload. Source: protocol §3.6, §7.2, §9.5. */
import { Result } from "effect"
import { InvalidRequest, Unsupported } from "../../../../../schema/Errors.ts"
import type { TypeOf } from "../../../../../schema/proto/Descriptor.ts"
import * as Fields from "../../../../../schema/proto/RepositoryFields.ts"
import type { Door } from "./Door.ts"
import { unary } from "./Rpc.ts"

const category = "model-repository"

/** @internal */
export const rpcs = ({ server: { repository } }: Door) => ({
  RepositoryIndex: unary({
    category,
    request: Fields.RepositoryIndexRequest,
    response: Fields.RepositoryIndexResponse,
    answer: ({ ready, repository_name }, call) => {
      if (repository_name !== "") return call.failure(noRepositories())
      call.answerWith(
        repository.index,
        (entries) => call.reply({ models: ready ? entries.filter(({ state }) => state === "READY") : entries })
      )
    }
  }),
  RepositoryModelLoad: unary({
    category,
    request: Fields.RepositoryModelLoadRequest,
    response: Fields.RepositoryModelLoadResponse,
    answer: ({ model_name, parameters, repository_name }, call) => {
      if (repository_name !== "") return call.failure(noRepositories())
      const read = loadParameters(parameters)
      if (Result.isFailure(read)) return call.failure(read.failure)
      call.answerWith(repository.load(model_name, read.success), () => call.reply({}))
    }
  }),
  RepositoryModelUnload: unary({
    category,
    request: Fields.RepositoryModelUnloadRequest,
    response: Fields.RepositoryModelUnloadResponse,
    answer: ({ model_name, parameters, repository_name }, call) => {
      if (repository_name !== "") return call.failure(noRepositories())
      const dependents = parameters["unload_dependents"]
      if (dependents !== undefined && dependents.bool_param === undefined) {
        return call.failure(
          new InvalidRequest({ message: "invalid value type for 'unload_dependents' parameter, expected bool_param." })
        )
      }
      const unloadDependents = dependents?.bool_param === true
      call.answerWith(repository.unload(model_name, { unloadDependents }), () => call.reply({}))
    }
  })
})

const noRepositories = (): Unsupported =>
  new Unsupported({ message: "'repository_name' specification is not supported" })

interface LoadParameters {
  readonly config?: string
  readonly files?: ReadonlyMap<string, Uint8Array>
}

const filePrefix = "file:"

const wrongType = (name: string, expected: string): Result.Result<never, InvalidRequest> =>
  Result.fail(
    new InvalidRequest({ message: `invalid value type for load parameter '${name}', expected ${expected}.` })
  )

/** The config and the files that a load brings; files are keyed by their path, and copied, because they outlive the call. */
const loadParameters = (
  parameters: Readonly<Record<string, TypeOf<typeof Fields.ModelRepositoryParameter>>>
): Result.Result<LoadParameters, InvalidRequest> => {
  let config: string | undefined
  const files = new Map<string, Uint8Array>()
  for (const [name, value] of Object.entries(parameters)) {
    if (name === "config") {
      if (value.string_param === undefined) return wrongType(name, "string_param")
      config = value.string_param
    } else if (name.startsWith(filePrefix)) {
      if (value.bytes_param === undefined) return wrongType(name, "bytes_param")
      files.set(name.slice(filePrefix.length), value.bytes_param.slice())
    } else {
      return Result.fail(new InvalidRequest({ message: `unrecognized load parameter '${name}'.` }))
    }
  }
  return Result.succeed({
    ...(config === undefined ? {} : { config }),
    ...(files.size === 0 ? {} : { files })
  })
}
