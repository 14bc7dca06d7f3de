/** The schemas that operations name: what the protocol says of bodies that are the same for all models. */
import { Schema } from "effect"
import { table } from "../DataType.ts"
import { ModelMetadata, ServerMetadata } from "../Metadata.ts"
import { flag, type JsonSchema, list, record, reference, text } from "./JsonSchema.ts"

const schemaOf = (schema: Schema.Top): JsonSchema => Schema.toJsonSchemaDocument(schema).schema as JsonSchema

const count: JsonSchema = { type: "integer", minimum: 0 }
const phase = record({ count, ns: count }, ["count", "ns"])
const phases = (names: ReadonlyArray<string>): Readonly<Record<string, JsonSchema>> =>
  Object.fromEntries(names.map((name) => [name, phase]))
const dimensions = list({ type: "integer", minimum: 0 })
const datatype: JsonSchema = { type: "string", enum: table.map(({ name }) => name) }
const anything: JsonSchema = {}
const setting: JsonSchema = { type: ["string", "null"] }

/** By their names in the document. @category schemas */
export const components = {
  Error: record({ error: text }, ["error"]),
  Parameters: {
    type: "object",
    description: "Parameters of the protocol and of models: texts, numbers and booleans.",
    additionalProperties: { type: ["string", "number", "boolean"] }
  },
  ServerMetadata: schemaOf(ServerMetadata),
  ModelMetadata: schemaOf(ModelMetadata),
  InferenceRequest: record({
    id: text,
    parameters: reference("Parameters"),
    inputs: list(
      record({
        name: text,
        datatype,
        shape: dimensions,
        parameters: reference("Parameters"),
        data: { type: "array", description: "The elements, flat or nested; absent for a binary tensor." }
      }, ["name", "datatype", "shape"])
    ),
    outputs: list(record({ name: text, parameters: reference("Parameters") }, ["name"]))
  }, ["inputs"]),
  InferenceResponse: record({
    id: text,
    model_name: text,
    model_version: text,
    parameters: reference("Parameters"),
    outputs: list(
      record({ name: text, datatype, shape: dimensions, parameters: reference("Parameters"), data: list(anything) }, [
        "name",
        "datatype",
        "shape"
      ])
    )
  }, ["model_name", "model_version", "outputs"]),
  ModelConfig: {
    type: "object",
    description: "The final configuration: the fields of Triton's ModelConfig.",
    properties: { name: text, platform: text, backend: text, max_batch_size: { type: "integer" } },
    required: ["name"]
  },
  Statistics: record({
    model_stats: list(
      record({
        name: text,
        version: text,
        last_inference: count,
        inference_count: count,
        execution_count: count,
        inference_stats: record(
          phases([
            "success",
            "fail",
            "queue",
            "compute_input",
            "compute_infer",
            "compute_output",
            "cache_hit",
            "cache_miss"
          ])
        ),
        batch_stats: list(
          record({ batch_size: count, ...phases(["compute_input", "compute_infer", "compute_output"]) })
        )
      }, ["name", "version", "inference_count", "execution_count", "inference_stats", "batch_stats"])
    )
  }, ["model_stats"]),
  Index: list(
    record({
      name: text,
      version: text,
      state: { type: "string", enum: ["UNKNOWN", "LOADING", "READY", "UNLOADING", "UNAVAILABLE"] },
      reason: text
    }, ["name"])
  ),
  IndexRequest: {
    description: "An object with ready: true leaves out what is not ready.",
    properties: { ready: flag }
  },
  LoadRequest: record({
    parameters: {
      type: "object",
      description:
        "config: a ModelConfig as JSON text. file:PATH: a file of the model as base64. version: one version alone.",
      properties: { config: text, version: { type: ["string", "integer"] } },
      additionalProperties: text
    }
  }),
  UnloadRequest: record({
    parameters: record({ unload_dependents: flag, version: { type: ["string", "integer"] } })
  }),
  Regions: list(record({ name: text, key: text, offset: count, byte_size: count }, ["name"])),
  RegisterRequest: record({ key: text, offset: count, byte_size: count }, ["key", "byte_size"]),
  CudaRegisterRequest: record({ raw_handle: record({ b64: text }), device_id: count, byte_size: count }),
  Rollout: record({ name: text, labels: list({ type: "object" }), traffic: list({ type: "object" }) }, ["name"]),
  MetricsPlace: record({ port: count, processStartSeconds: { type: "number" } }),
  TraceSetting: {
    type: "object",
    description: "What is traced; null gives a setting back to what it falls back to.",
    properties: {
      trace_level: { type: ["array", "null"], items: text },
      trace_rate: setting,
      trace_count: setting,
      log_frequency: setting,
      trace_file: setting,
      trace_mode: setting
    }
  },
  LogSetting: record({
    log_file: text,
    log_info: flag,
    log_warning: flag,
    log_error: flag,
    log_verbose_level: count,
    log_format: text
  })
} as const satisfies Readonly<Record<string, JsonSchema>>

/** Name of a schema of the document. @category models */
export type ComponentName = keyof typeof components
