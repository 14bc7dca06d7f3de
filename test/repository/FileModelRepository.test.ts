import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Result, Scope } from "effect"
import { rm } from "node:fs/promises"
import * as FileModelRepository from "../../src/layers/repository/FileModelRepository.ts"
import * as ConfigJson from "../../src/schema/proto/ConfigJson.ts"
import type { ModelPlan } from "../../src/services/Executor.ts"
import { type LoadEvent, type Model, ModelRepository } from "../../src/services/ModelRepository.ts"
import { Statistics } from "../../src/services/Statistics.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import * as FakeExecution from "./FakeExecution.ts"
import * as TemporaryRepository from "./TemporaryRepository.ts"

const onnx = Models.simple()
const full = `
max_batch_size: 8
input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ 16 ] }, { name: "INPUT1" data_type: TYPE_INT32 dims: [ 16 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ 16 ] }, { name: "OUTPUT1" data_type: TYPE_INT32 dims: [ 16 ] } ]
`

interface Setup extends Omit<FileModelRepository.Options, "paths"> {
  readonly log?: FakeExecution.Log
  readonly gpus?: ReadonlyArray<number>
  readonly failures?: Readonly<Record<string, number>>
}

const openPaths = (paths: ReadonlyArray<string>, { failures = {}, gpus = [], log, ...options }: Setup = {}) =>
  FileModelRepository.layer({ paths, ...options }).pipe(
    Layer.provide([
      FakeExecution.layer(log ?? FakeExecution.log(), { failures, gpus }),
      TemporaryRepository.platform
    ]),
    Layer.build,
    Effect.map((context) => Context.get(context, ModelRepository))
  )

const open = (tree: TemporaryRepository.Tree, setup: Setup = {}) =>
  Effect.flatMap(TemporaryRepository.make(tree), (root) => openPaths([root], setup))

/** The repository with failures kept in the index, and what was told of the load. */
const lenient = Effect.fnUntraced(function*(tree: TemporaryRepository.Tree, setup: Setup = {}) {
  const events: Array<LoadEvent> = []
  const repository = yield* open(tree, {
    exitOnError: false,
    onEvent: (event) => Effect.sync(() => events.push(event)),
    ...setup
  })
  const failures = events.flatMap((event) => event._tag === "Failed" ? [FileModelRepository.formatFailure(event)] : [])
  const warnings = events.flatMap((event) => event._tag === "Warning" ? [event.message] : [])
  return { repository, events, failures, warnings }
})

const modelOf = (repository: ModelRepository["Service"], name: string, version = ""): Model =>
  Result.getOrThrow(repository.lookup(name, version))

describe("FileModelRepository", () => {
  it.effect("serves a model without a config as its file says", () =>
    Effect.gen(function*() {
      const log = FakeExecution.log()
      const repository = yield* open({ "simple/1/model.onnx": onnx }, { log })
      const model = modelOf(repository, "simple")
      assert.strictEqual(model.version, 1)
      assert.strictEqual(model.signature.maxBatchSize, 4)
      assert.deepStrictEqual(model.signature.inputs.map(({ datatype, name, shape }) => [name, datatype, shape]), [
        ["INPUT0", "INT32", [-1, 16]],
        ["INPUT1", "INT32", [-1, 16]]
      ])
      assert.strictEqual(
        ConfigJson.toJson(model.config),
        `{"name":"simple","platform":"onnxruntime_onnx","backend":"onnxruntime","runtime":"","version_policy":` +
          `{"latest":{"num_versions":1}},"max_batch_size":4,"input":[` +
          ["INPUT0", "INPUT1"].map((name) =>
            `{"name":"${name}","data_type":"TYPE_INT32","format":"FORMAT_NONE","dims":[16],"is_shape_tensor":false,` +
            `"allow_ragged_batch":false,"optional":false,"is_non_linear_format_io":false}`
          ).join(",") + `],"output":[` +
          ["OUTPUT0", "OUTPUT1"].map((name) =>
            `{"name":"${name}","data_type":"TYPE_INT32","dims":[16],"label_filename":"","is_shape_tensor":false,` +
            `"is_non_linear_format_io":false}`
          ).join(",") + `],"batch_input":[],"batch_output":[],"optimization":{"priority":"PRIORITY_DEFAULT",` +
          `"input_pinned_memory":{"enable":true},"output_pinned_memory":{"enable":true},` +
          `"gather_kernel_buffer_threshold":0,"eager_batching":false},"dynamic_batching":{"preferred_batch_size":[4],` +
          `"max_queue_delay_microseconds":0,"preserve_ordering":false,"priority_levels":0,"default_priority_level":0,` +
          `"priority_queue_policy":{}},"instance_group":[{"name":"simple","kind":"KIND_CPU","count":2,"gpus":[],` +
          `"secondary_devices":[],"profile":[],"passive":false,"host_policy":""}],` +
          `"default_model_filename":"model.onnx","cc_model_filenames":{},"metric_tags":{},"parameters":{},` +
          `"model_warmup":[]}`
      )
      assert.deepStrictEqual(log.plans[0]?.instances, [
        { name: "simple_0", device: { kind: "CPU", id: 0 } },
        { name: "simple_1", device: { kind: "CPU", id: 0 } }
      ])
      assert.isTrue(log.plans[0]?.batched)
      assert.isTrue(log.plans[0]?.path.endsWith("/simple/1/model.onnx"))
      assert.isTrue(yield* repository.allReady)
    }))

  it.effect("asks the executor for what the config says of its instances", () =>
    Effect.gen(function*() {
      const log = FakeExecution.log()
      const parameters = Object.entries({
        isolation: "process",
        max_run_microseconds: "50000",
        max_memory_megabytes: "0",
        max_memory_growth_megabytes: "1"
      }).map(([key, value]) => `parameters { key: "galatea.${key}" value { string_value: "${value}" } }`)
      const root = yield* TemporaryRepository.make({
        "m/config.pbtxt": parameters.join("\n"),
        "m/1/model.onnx": onnx,
        "other/1/model.onnx": onnx
      })
      yield* openPaths([root], { log })
      const bounds = ({ isolation, maxGrowthBytes, maxMemoryBytes, maxRunNanos }: ModelPlan) => [
        isolation,
        maxRunNanos,
        maxMemoryBytes,
        maxGrowthBytes
      ]
      const plans = new Map(log.plans.map((plan) => [plan.model, bounds(plan)]))
      assert.deepStrictEqual(plans.get("m"), ["process", 50_000_000, Infinity, 1024 * 1024])
      assert.deepStrictEqual(plans.get("other"), [undefined, undefined, undefined, undefined])
    }))

  it.effect("closes the queue of a version before its instances", () =>
    Effect.gen(function*() {
      const log = FakeExecution.log()
      const root = yield* TemporaryRepository.make({ "m/1/model.onnx": onnx })
      const scope = yield* Scope.make()
      yield* Scope.provide(openPaths([root], { log }), scope)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(log.events, ["inspect m", "open m 1", "schedule m 1", "unschedule m 1", "close m 1"])
    }))

  it.effect("serves the versions that the policy names", () =>
    Effect.gen(function*() {
      const versions = Object.fromEntries([1, 2, 10].map((version) => [`${version}/model.onnx`, onnx]))
      const model = (name: string, config: string): TemporaryRepository.Tree => ({
        ...Object.fromEntries(Object.entries(versions).map(([path, bytes]) => [`${name}/${path}`, bytes])),
        [`${name}/config.pbtxt`]: config
      })
      const { failures, repository, warnings } = yield* lenient({
        ...model("default", ""),
        ...model("latest2", "version_policy: { latest { num_versions: 2 }}"),
        ...model("all", "version_policy: { all { }}"),
        ...model("empty_policy", "version_policy { }"),
        ...model("specific", "version_policy: { specific: { versions: [1, 7] } }"),
        ...model("none", "version_policy: { latest { } }")
      })
      const ready = (name: string) => repository.readyVersions(name)
      assert.deepStrictEqual(ready("default"), [10])
      assert.deepStrictEqual(ready("latest2"), [2, 10])
      assert.deepStrictEqual(ready("all"), [1, 2, 10])
      assert.deepStrictEqual(ready("empty_policy"), [1, 2, 10])
      assert.deepStrictEqual(ready("specific"), [1])
      assert.deepStrictEqual(ready("none"), [])
      assert.include(
        warnings,
        "version 7 is specified for model 'specific', but the version directory is not present"
      )
      assert.deepStrictEqual(failures, [
        "failed to load model 'none': at least one version must be available under the version policy of model 'none'"
      ])
      assert.isFalse(yield* repository.allReady, "a known model without versions")
    }))

  it.effect("tries everything and then fails with a list of all that failed", () =>
    Effect.gen(function*() {
      const log = FakeExecution.log()
      const error = yield* Effect.flip(open({
        "good/1/model.onnx": onnx,
        "bad_file/1/model.onnx": "",
        "bad_config/config.pbtxt": "max_batch_sizes: 1",
        "bad_config/1/model.onnx": onnx
      }, { log }))
      assert.strictEqual(error._tag, "ModelsNotLoaded")
      assert.strictEqual(error.message, "failed to load all models")
      assert.isTrue(log.events.includes("open good 1") && log.events.includes("close good 1"))
      const failures = error._tag === "ModelsNotLoaded" ? error.failures : []
      assert.deepStrictEqual(failures.map(({ model, version }) => [model, version]), [
        ["bad_config", undefined],
        ["bad_file", 1]
      ])
      const [config, file] = failures
      assert.isTrue(
        config?.reason.startsWith("Poll failed for model directory 'bad_config': failed to read text proto from ")
      )
      assert.match(
        config?.reason ?? "",
        /config\.pbtxt: 1:\d+: Message type "inference\.ModelConfig" has no field named "max_batch_sizes"\./
      )
      assert.include(config?.reason, "did you mean \"max_batch_size\"?")
      assert.include(config?.reason, "1 | max_batch_sizes: 1\n", "shows the line")
      assert.isTrue(file?.reason.startsWith("Internal: "))
    }))

  it.effect("keeps failed models in the index with the reason, without a version when none was tried", () =>
    Effect.gen(function*() {
      const { failures, repository } = yield* lenient({
        "good/1/model.onnx": onnx,
        "bad_file/1/model.onnx": "junk",
        "bad_config/config.pbtxt": "name: 7",
        ".git": null,
        "no_version": null
      })
      const index = yield* repository.index
      assert.deepStrictEqual(
        index.map(({ name, state, version }) => [name, version, state]),
        [
          [".git", undefined, "UNAVAILABLE"],
          ["bad_config", undefined, "UNAVAILABLE"],
          ["bad_file", "1", "UNAVAILABLE"],
          ["good", "1", "READY"],
          ["no_version", undefined, "UNAVAILABLE"]
        ]
      )
      assert.match(
        index[1]?.reason ?? "",
        /^Poll failed for model directory 'bad_config': failed to read text proto from /
      )
      assert.isTrue(index[2]?.reason?.startsWith("Internal: "))
      assert.isFalse("reason" in index[3]!)
      assert.isFalse(yield* repository.allReady)
      const find = (text: string) => failures.some((failure) => failure.startsWith(text))
      assert.isTrue(find(
        "failed to load model '.git': at least one version must be available under the version policy of model '.git'"
      ))
      assert.isTrue(find(
        "Poll failed for model directory 'no_version': Invalid model name: Could not determine backend for model " +
          "'no_version' with no backend in model configuration. Expected model name of the form 'model.<backend_name>'."
      ))
      const failed = repository.lookup("bad_file", "")
      assert.strictEqual(
        Result.isFailure(failed) ? failed.failure.message : "",
        "Request for unknown model: 'bad_file' has no available versions"
      )
    }))

  it.effect("does not let a model that could not be polled stand against readiness", () =>
    Effect.gen(function*() {
      const { repository } = yield* lenient({ "good/1/model.onnx": onnx, "bad/config.pbtxt": "x" })
      assert.isTrue(yield* repository.allReady)
    }))

  it.effect("makes no version of a model ready when one of them fails, and no other model suffers", () =>
    Effect.gen(function*() {
      const log = FakeExecution.log()
      const { failures, repository } = yield* lenient({
        "m/config.pbtxt": "version_policy { all { } }",
        "m/1/model.onnx": onnx,
        "m/2/model.onnx": onnx.subarray(0, onnx.length - 20),
        "other/1/model.onnx": onnx
      }, { log })
      assert.deepStrictEqual(repository.readyVersions("m"), [])
      assert.deepStrictEqual(
        log.events.filter((event) => event.endsWith("m 1")),
        ["open m 1", "schedule m 1", "unschedule m 1", "close m 1"],
        "what was opened in vain is closed at once"
      )
      assert.deepStrictEqual(repository.readyVersions("other"), [1])
      assert.strictEqual(failures.length, 1)
      assert.isTrue(failures[0]?.startsWith("failed to load 'm' version 2: Internal: "))
      const rows = (yield* repository.index).filter(({ name }) => name === "m")
      assert.deepStrictEqual(rows.map(({ version }) => version), ["1", "2"])
      assert.strictEqual(rows[0]?.reason, "unloaded")
    }))

  it.effect("tries a failing version again", () =>
    Effect.gen(function*() {
      const tree = { "m/1/model.onnx": onnx }
      const repository = yield* open(tree, { loadRetryCount: 2, failures: { "m 1": 2 } })
      assert.deepStrictEqual(repository.readyVersions("m"), [1])
      const error = yield* Effect.flip(open(tree, { loadRetryCount: 1, failures: { "m 1": 2 } }))
      assert.strictEqual(
        error._tag === "ModelsNotLoaded" && error.failures[0]?.reason,
        "Internal: onnx runtime error 1: no"
      )
    }))

  it.effect("demands a full config in strict mode and derives the rest otherwise", () =>
    Effect.gen(function*() {
      const tree = {
        "full/config.pbtxt": `backend: "onnxruntime"\n${full}`,
        "full/1/model.onnx": onnx,
        "partial/config.pbtxt": "max_batch_size: 16",
        "partial/1/model.onnx": onnx,
        "without/1/model.onnx": onnx
      }
      const strict = yield* lenient(tree, { strictModelConfig: true })
      assert.deepStrictEqual(strict.repository.readyVersions("full"), [1])
      assert.strictEqual(modelOf(strict.repository, "full").config.dynamic_batching, undefined)
      assert.deepStrictEqual(strict.failures.map((text) => text.split("\n")[0]).sort(), [
        "Poll failed for model directory 'without': failed to open text file for read " +
        `${strict.failures.join().match(/read (\S+)\/without/)?.[1]}/without/config.pbtxt: No such file or directory`,
        "failed to load 'partial' version 1: Invalid argument: unable to load model 'partial', " +
        "configuration expects 0 inputs, model provides 2"
      ])
      const relaxed = yield* lenient(tree)
      assert.deepStrictEqual(relaxed.failures, [])
      const partial = modelOf(relaxed.repository, "partial")
      assert.strictEqual(partial.config.max_batch_size, 16)
      assert.deepStrictEqual(partial.config.dynamic_batching?.preferred_batch_size, [16])
      assert.strictEqual(partial.config.input.length, 2)
    }))

  it.effect("takes the default batch size from the backend's settings, and warns of it", () =>
    Effect.gen(function*() {
      const { repository, warnings } = yield* lenient({ "m/1/model.onnx": onnx }, {
        backendConfig: [{ scope: "onnxruntime", key: "default-max-batch-size", value: "32" }]
      })
      assert.strictEqual(modelOf(repository, "m").config.max_batch_size, 32)
      assert.isTrue(warnings[0]?.startsWith("autofilled max_batch_size to 32 for model 'm'"))
    }))

  it.effect("uses the named config of models that have it", () =>
    Effect.gen(function*() {
      const { repository } = yield* lenient({
        "has/config.pbtxt": "max_batch_size: 1",
        "has/configs/h100.pbtxt": "max_batch_size: 64",
        "has/1/model.onnx": onnx,
        "has_not/config.pbtxt": "max_batch_size: 2",
        "has_not/1/model.onnx": onnx
      }, { modelConfigName: "h100" })
      assert.strictEqual(modelOf(repository, "has").config.max_batch_size, 64)
      assert.strictEqual(modelOf(repository, "has_not").config.max_batch_size, 2)
    }))

  it.effect("finds the model file: another name, a directory, a bare file", () =>
    Effect.gen(function*() {
      const log = FakeExecution.log()
      const bare = yield* TemporaryRepository.make({ "my net.onnx": onnx })
      const root = yield* TemporaryRepository.make({
        "renamed/config.pbtxt": `backend: "onnxruntime" default_model_filename: "net/v1.onnx"`,
        "renamed/1/net/v1.onnx": onnx,
        "directory/1/model.onnx/model.onnx": onnx,
        "directory/1/model.onnx/weights.bin": "x"
      })
      yield* openPaths([root, `${bare}/my net.onnx`], { log, strictModelConfig: false })
      assert.deepStrictEqual(log.plans.map(({ model, path }) => [model, path]).sort(), [
        ["directory", `${root}/directory/1/model.onnx/model.onnx`],
        ["my_net", `${bare}/my net.onnx`],
        ["renamed", `${root}/renamed/1/net/v1.onnx`]
      ])
      const strict = yield* openPaths([bare], { strictModelConfig: true })
      assert.strictEqual(modelOf(strict, "my_net").config.default_model_filename, "my net.onnx")
      assert.deepStrictEqual(strict.readyVersions("my_net"), [1])
    }))

  it.effect("reads class labels from the model's directory only", () =>
    Effect.gen(function*() {
      const config = (file: string) =>
        `output [ { name: "SCORES" data_type: TYPE_FP32 dims: 4 label_filename: "${file}" } ]`
      const model = Models.classifier()
      const { failures, repository } = yield* lenient({
        "labelled/config.pbtxt": config("labels.txt"),
        "labelled/labels.txt": "cat\r\ndog\n\nfish",
        "labelled/1/model.onnx": model,
        "missing/config.pbtxt": config("none.txt"),
        "missing/1/model.onnx": model,
        "escaping/config.pbtxt": config("../labelled/labels.txt"),
        "escaping/1/model.onnx": model
      })
      assert.deepStrictEqual(modelOf(repository, "labelled").signature.outputs[0]?.labels, ["cat\r", "dog", "", "fish"])
      assert.match(
        failures.find((text) => text.includes("'missing'")) ?? "",
        /^failed to load 'missing' version 1: Internal: failed to open text file for read \S+\/missing\/none.txt: No such file or directory$/
      )
      assert.match(
        failures.find((text) => text.includes("'escaping'")) ?? "",
        /^failed to load 'escaping' version 1: Unsupported: label file path '\S+' for output 'SCORES' in model 'escaping' is outside model directory$/
      )
    }))

  it.effect("compares the checksums of the checksum agent", () =>
    Effect.gen(function*() {
      const agent = (digest: string) =>
        `model_repository_agents { agents [ { name: "checksum" parameters { key: "MD5:note.txt" value: "${digest}" } } ] }`
      const { failures, repository } = yield* lenient({
        "right/config.pbtxt": agent("5D41402ABC4B2A76B9719D911017C592"),
        "right/note.txt": "hello",
        "right/1/model.onnx": onnx,
        "wrong/config.pbtxt": agent("5d41402abc4b2a76b9719d911017c592"),
        "wrong/note.txt": "hello!",
        "wrong/1/model.onnx": onnx
      })
      assert.deepStrictEqual(repository.readyVersions("right"), [1])
      assert.deepStrictEqual(failures, [
        "Poll failed for model directory 'wrong': 'wrong': Mismatched MD5 hash for file note.txt"
      ])
    }))

  it.effect("places instances by kind, and on each GPU of a group", () =>
    Effect.gen(function*() {
      const group = (text: string) => `instance_group [ ${text} ]`
      const tree = {
        "default/1/model.onnx": onnx,
        "cpu/config.pbtxt": group("{ kind: KIND_CPU count: 3 }"),
        "cpu/1/model.onnx": onnx,
        "model/config.pbtxt": group("{ kind: KIND_MODEL }"),
        "model/1/model.onnx": onnx,
        "two/config.pbtxt": group(`{ kind: KIND_CPU name: "a" count: 1 }, { count: 1 gpus: 0 }`),
        "two/1/model.onnx": onnx
      }
      const log = FakeExecution.log()
      yield* open(tree, { log, gpus: [0, 1] })
      const placed = Object.fromEntries(
        log.plans.map(({ instances, model }) => [
          model,
          instances.map(({ device, name }) => `${name} ${device.kind}${device.id}`)
        ])
      )
      assert.deepStrictEqual(placed, {
        cpu: ["cpu_0_0 CPU0", "cpu_0_1 CPU0", "cpu_0_2 CPU0"],
        default: ["default_0 GPU0", "default_0 GPU1"],
        model: ["model_0_0 CPU0"],
        two: ["a_0 CPU0", "two_1_0 GPU0"]
      })
    }))

  it.effect("tells what it finds and does, in order", () =>
    Effect.gen(function*() {
      const { events } = yield* lenient({ "b/1/model.onnx": onnx, "b/old": null, "a/config.pbtxt": full, "a/1/x": "" })
      assert.deepStrictEqual(events[0], { _tag: "Found", models: ["a", "b"] })
      const of = (model: string) => events.filter((event) => "model" in event && event.model === model)
      assert.deepStrictEqual(of("b").map(({ _tag }) => _tag), ["Warning", "Loading", "Warning", "Ready"])
      assert.deepStrictEqual(of("a").map(({ _tag }) => _tag), ["Failed"])
      const ready = events.find((event) => event._tag === "Ready")
      assert.isTrue(ready?._tag === "Ready" && ready.version === 1 && ready.millis >= 0)
    }))

  it.effect("refuses to load and unload on demand", () =>
    Effect.gen(function*() {
      const repository = yield* open({ "m/1/model.onnx": onnx })
      for (const control of [repository.load("m"), repository.unload("m")]) {
        const error = yield* Effect.flip(control)
        assert.strictEqual(error._tag, "ControlNotAllowed")
        assert.strictEqual(error.message, "explicit model load / unload is not allowed if polling is enabled")
      }
      assert.deepStrictEqual(repository.readyVersions("m"), [1])
    }))

  it.effect("loads neither of two models of one name, unless names are spaced by root", () =>
    Effect.gen(function*() {
      const first = yield* TemporaryRepository.make({ "m/1/model.onnx": onnx, "a/1/model.onnx": onnx })
      const second = yield* TemporaryRepository.make({ "m/1/model.onnx": onnx })
      const error = yield* Effect.flip(openPaths([first, second]))
      assert.isTrue(
        error._tag === "ModelsNotLoaded" &&
          error.failures[0]?.reason.startsWith("failed to poll model 'm': not unique across all model repositories")
      )
      const repository = yield* openPaths([first, second], { exitOnError: false })
      assert.deepStrictEqual(yield* repository.index, [
        { name: "a", version: "1", state: "READY" },
        { name: "m", state: "UNAVAILABLE", reason: "model appears in two or more repositories" }
      ])
      const missing = repository.lookup("m", "")
      assert.strictEqual(
        Result.isFailure(missing) ? missing.failure.message : "",
        "Request for unknown model: 'm' is not found"
      )
      const spaced = yield* openPaths([first, second], { modelNamespacing: true })
      assert.deepStrictEqual((yield* spaced.index).map(({ name, state }) => [name, state]), [
        ["a", "READY"],
        ["m", "READY"],
        ["m", "READY"]
      ])
      const ambiguous = spaced.lookup("m", "")
      assert.isTrue(
        Result.isFailure(ambiguous) && ambiguous.failure.message.startsWith("There are 2 identifiers of model 'm'")
      )
    }))

  it.effect("fails for a repository that cannot be listed, or starts without it and says why", () =>
    Effect.gen(function*() {
      const path = "/does/not/exist"
      const error = yield* Effect.flip(openPaths([path]))
      assert.strictEqual(error._tag, "PollFailed")
      assert.isTrue(error.message.startsWith(`failed to poll model repository '${path}': failed to stat file ${path}`))
      const repository = yield* openPaths([path], { exitOnError: false })
      assert.strictEqual(repository.failure?.message, error.message)
      assert.deepStrictEqual(yield* repository.index, [])
      assert.isFalse(yield* repository.allReady)
    }))

  it.effect("lists what the repository holds now, and what it knew when that cannot be told", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "m/1/model.onnx": onnx })
      const repository = yield* openPaths([root])
      yield* TemporaryRepository.write(root, { "added/1/model.onnx": onnx })
      const expected = [{ name: "added" }, { name: "m", version: "1", state: "READY" }]
      assert.deepStrictEqual(yield* repository.index, expected as never)
      yield* Effect.promise(() => rm(root, { recursive: true }))
      assert.deepStrictEqual(yield* repository.index, expected as never)
    }))

  it.effect("opens the books of a version with the labels and buckets of its config, and says when it is open", () =>
    Effect.gen(function*() {
      const config = `metric_tags { key: "team" value: "vision" }
        model_metrics {
          metric_control { metric_identifier { family: "other" } histogram_options { buckets: [ 7 ] } }
          metric_control {
            metric_identifier { family: "nv_inference_first_response_histogram_ms" }
            histogram_options { buckets: [ 2, 1 ] }
          }
        }`
      const root = yield* TemporaryRepository.make({
        "m/config.pbtxt": config,
        "m/1/model.onnx": onnx,
        "plain/1/model.onnx": onnx,
        "broken/1/model.onnx": onnx
      })
      const books = (options: Omit<FileModelRepository.Options, "paths">) =>
        FileModelRepository.layer({ paths: [root], exitOnError: false, ...options }).pipe(
          Layer.provideMerge(FakeExecution.layer(FakeExecution.log(), { failures: { "broken 1": 1 } })),
          Layer.provide(TemporaryRepository.platform),
          Layer.build,
          Effect.map((context) => Context.get(context, Statistics).all())
        )
      const open = yield* books({})
      assert.deepStrictEqual(
        open.map((one) => [one.model, one.tags, one.namespace, one.measures().firstResponse.bounds]),
        [["m", { team: "vision" }, undefined, [1, 2]], ["plain", {}, undefined, [100, 500, 2000, 5000]]]
      )
      for (const one of open) assert.isDefined(one.measures().loadNanos)
      assert.deepStrictEqual((yield* books({ modelNamespacing: true })).map(({ namespace }) => namespace), [root, root])
    }))
})
