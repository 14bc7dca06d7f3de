/** Index, load and unload. Source: protocol §3.6, §7.2, §9.5. */
import { Result } from "effect"
import { InvalidRequest, Unsupported } from "../../../../../schema/Errors.ts"
import type { TypeOf } from "../../../../../schema/proto/Descriptor.ts"
import * as Fields from "../../../../../schema/proto/RepositoryFields.ts"
import type { LoadParameters } from "../../../../../services/ModelRepository.ts"
import * as Visible from "../../Visible.ts"
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
        (entries) => {
          const models = Visible.of(call.pass, entries)
          call.reply({ models: ready ? models.filter(({ state }) => state === "READY") : models })
        }
      )
    }
  }),
  RepositoryModelLoad: unary({
    category,
    request: Fields.RepositoryModelLoadRequest,
    response: Fields.RepositoryModelLoadResponse,
    model: ({ model_name }) => model_name,
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
    model: ({ model_name }) => model_name,
    answer: ({ model_name, parameters, repository_name }, call) => {
      if (repository_name !== "") return call.failure(noRepositories())
      const dependents = parameters["unload_dependents"]
      if (dependents !== undefined && dependents.bool_param === undefined) {
        return call.failure(
          new InvalidRequest({ message: "invalid value type for 'unload_dependents' parameter, expected bool_param." })
        )
      }
      const version = versionOf(parameters)
      if (Result.isFailure(version)) return call.failure(version.failure)
      const options = { unloadDependents: dependents?.bool_param === true, ...version.success }
      call.answerWith(repository.unload(model_name, options), () => call.reply({}))
    }
  })
})

const noRepositories = (): Unsupported =>
  new Unsupported({ message: "'repository_name' specification is not supported" })

type Parameters = Readonly<Record<string, TypeOf<typeof Fields.ModelRepositoryParameter>>>

const filePrefix = "file:"

const wrongType = (name: string, expected: string): Result.Result<never, InvalidRequest> =>
  Result.fail(
    new InvalidRequest({ message: `invalid value type for load parameter '${name}', expected ${expected}.` })
  )

/** The version to load or unload alone: this server's own parameter, a string or a number. */
const versionOf = (parameters: Parameters): Result.Result<{ readonly version?: string }, InvalidRequest> => {
  const given = parameters["version"]
  if (given === undefined) return Result.succeed({})
  const version = given.string_param ?? given.int64_param?.toString()
  return version === undefined
    ? Result.fail(
      new InvalidRequest({
        message: "invalid value type for 'version' parameter, expected string_param or int64_param."
      })
    )
    : Result.succeed({ version })
}

/** The config and the files that a load brings; files are keyed by their path, and copied, because they outlive the call. */
const loadParameters = (parameters: Parameters): Result.Result<LoadParameters, InvalidRequest> => {
  const version = versionOf(parameters)
  if (Result.isFailure(version)) return Result.fail(version.failure)
  let config: string | undefined
  const files = new Map<string, Uint8Array>()
  for (const [name, value] of Object.entries(parameters)) {
    if (name === "config") {
      if (value.string_param === undefined) return wrongType(name, "string_param")
      config = value.string_param
    } else if (name.startsWith(filePrefix)) {
      if (value.bytes_param === undefined) return wrongType(name, "bytes_param")
      files.set(name.slice(filePrefix.length), value.bytes_param.slice())
    } else if (name !== "version") {
      return Result.fail(new InvalidRequest({ message: `unrecognized load parameter '${name}'.` }))
    }
  }
  return Result.succeed({
    ...version.success,
    ...(config === undefined ? {} : { config }),
    ...(files.size === 0 ? {} : { files })
  })
}
