/** The parameters of a config by which this server goes beyond Triton, and warnings of those that nobody reads. */
import * as BatchAxis from "../../../../schema/BatchAxis.ts"
import * as InstanceParameters from "../../../../schema/InstanceParameters.ts"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import { nearest } from "../../../../schema/proto/Suggestion.ts"
import * as SequenceBacklog from "../../../../schema/SequenceBacklog.ts"
import * as EnsembleExtensions from "../../../ensemble/EnsembleExtensions.ts"
import * as ExecutionProviders from "./ExecutionProviders.ts"

/** Every name with this prefix is the server's. */
const own = "galatea."

interface Known {
  /** The whole name, or all of it before what it is about. */
  readonly name: string
  /** What stands behind the name: `""` nothing. */
  readonly about: "" | "‹tensor›" | "‹step›"
  readonly matters: (config: ModelConfig) => boolean
  /** Which models it matters to. */
  readonly to: string
}

const isEnsemble = ({ platform }: ModelConfig): boolean => platform === "ensemble"

const ofTensor = (name: string): Known => ({
  name,
  about: "‹tensor›",
  matters: (config) => !isEnsemble(config),
  to: "models that are no ensemble: give it to the models of its steps"
})

const ofInstances = (name: string): Known => ({
  name,
  about: "",
  matters: (config) => !isEnsemble(config),
  to: "models that have instances: give it to the models of the ensemble's steps"
})

/** Where the server has them in processes, a config that says otherwise has them in the server. */
const isInServer = ({ parameters }: ModelConfig): boolean => {
  const isolation = parameters[InstanceParameters.names.isolation]?.string_value
  return isolation !== undefined && isolation !== "process"
}

const ofProcesses = (name: string): Known => ({
  name,
  about: "",
  matters: (config) => !isEnsemble(config) && !isInServer(config),
  to: `models whose instances have processes of their own, with ${InstanceParameters.names.isolation} 'process'`
})

const ofStep = (name: string): Known => ({
  name,
  about: "‹step›",
  matters: isEnsemble,
  to: "ensembles, which have platform: \"ensemble\""
})

const table: ReadonlyArray<Known> = [
  ofTensor(BatchAxis.dimensionPrefix),
  ofTensor(BatchAxis.sharedPrefix),
  {
    name: SequenceBacklog.parameter,
    about: "",
    matters: ({ sequence_batching: batching }) => batching !== undefined,
    to: "models with sequence_batching"
  },
  ofInstances(InstanceParameters.names.isolation),
  ofInstances(InstanceParameters.names.maxRun),
  ofProcesses(InstanceParameters.names.maxMemory),
  {
    ...ofProcesses(InstanceParameters.names.maxGrowth),
    matters: (config) => !isEnsemble(config) && !isInServer(config) && config.sequence_batching === undefined,
    to:
      `models without sequence_batching whose instances have processes of their own, with ${InstanceParameters.names.isolation} ` +
      "'process'"
  },
  {
    name: InstanceParameters.names.retry,
    about: "",
    matters: (config) => !isEnsemble(config) && config.sequence_batching === undefined,
    to: "models that have instances and no sequence_batching, whose steps have a rule of their own"
  },
  {
    name: ExecutionProviders.fallbackParameter,
    about: "",
    matters: ({ backend }) => backend === "onnxruntime",
    to: "ONNX models"
  },
  ofStep(EnsembleExtensions.fanOutPrefix),
  ofStep(EnsembleExtensions.gatherPrefix),
  ofStep(EnsembleExtensions.maxFanOutPrefix),
  ofStep(EnsembleExtensions.conditionPrefix)
]

const isOf = (key: string, { about, name }: Known): boolean => about === "" ? key === name : key.startsWith(name)

/** The known name that somebody probably meant, with what it was to be about. */
const meant = (key: string): string | undefined => {
  const rest = key.slice(own.length)
  const dot = rest.indexOf(".")
  const about = dot === -1 ? "" : rest.slice(dot + 1)
  const head = rest.slice(0, dot === -1 ? undefined : dot).toLowerCase()
  // What a parameter is about is somebody's own name and says nothing of the parameter's.
  const whole = new Map(table.flatMap(({ about, name }) => about === "" ? [[name.slice(own.length), name]] : []))
  const prefixes = new Map(
    table.flatMap((one) => one.about === "" ? [] : [[one.name.slice(own.length, -1), one]])
  )
  const found = nearest(rest, whole.keys())
  if (found !== undefined) return whole.get(found)
  const prefix = prefixes.get(prefixes.has(head) ? head : nearest(head, prefixes.keys()) ?? "")
  return prefix === undefined ? undefined : `${prefix.name}${about === "" ? prefix.about : about}`
}

/** One sentence for each parameter of this server that is unknown, or has no effect on such a model. @category getters */
export const warnings = (config: ModelConfig): ReadonlyArray<string> =>
  Object.keys(config.parameters).filter((key) => key.toLowerCase().startsWith(own)).flatMap((key) => {
    const subject = `parameter '${key}' of model '${config.name}'`
    const known = table.find((one) => isOf(key, one))
    if (known !== undefined) return known.matters(config) ? [] : [`${subject} has no effect: it is for ${known.to}.`]
    const near = meant(key)
    return near === undefined
      ? `${subject} is unknown and has no effect: known are ${
        table.map(({ about, name }) => `'${name}${about}'`).join(", ")
      }.`
      : `${subject} is unknown and has no effect: did you mean '${near}'?`
  })
