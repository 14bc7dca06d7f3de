/**
 * Two servers with a model of every kind, and traffic that gives each metric of theirs something to say: batches, a full queue, failing
 * models, sequences, cache hits, a shadow, resources that instances share; and models that come and go, with a cache on Redis where
 * there is one. The first has a GPU, as far as `nvidia-smi` makes it one.
 */
import { assert } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { delimiter, join } from "node:path"
import * as Certificates from "../../fixtures/Certificates.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as SequenceModels from "../../fixtures/onnx/SequenceModels.ts"
import { doubling, ensemble } from "../../repository/ensemble/Configs.ts"
import * as RedisServer from "../cache/RedisServer.ts"
import * as Child from "../cli/Child.ts"
import * as NvidiaSmi from "./NvidiaSmi.ts"

const one = "instance_group { count: 1 kind: KIND_CPU }\n"

const model = (onnx: Uint8Array, config: string): Child.Files => ({ "config.pbtxt": config, 1: { "model.onnx": onnx } })

const tensors = (dims: string, type = "TYPE_FP32") =>
  `platform: "onnxruntime_onnx"\ninput { name: "INPUT0" data_type: ${type} dims: ${dims} }\n`
  + `output { name: "OUTPUT0" data_type: ${type} dims: ${dims} }\n`

const zeros = (name: string) =>
  `inputs { key: "${name}" value: { data_type: TYPE_INT32 dims: [ 16 ] zero_data: true } }`

/** The first server's. */
const models = {
  batched: model(
    Models.simple(),
    `max_batch_size: 8\ndynamic_batching { max_queue_delay_microseconds: 20000 }\ninstance_group { count: 1 kind: KIND_CPU `
      + "rate_limiter { resources [ { name: \"R\" count: 1 } ] } }\n"
  ),
  cached: model(
    Models.simple(),
    `max_batch_size: 8\nresponse_cache { enable: true }\nmodel_warmup { name: "zeros" batch_size: 1 ${zeros("INPUT0")} `
      + `${zeros("INPUT1")} }\n`
  ),
  slow: model(
    Models.slow(4000),
    `${tensors("16")}max_batch_size: 1\n${one}dynamic_batching { default_queue_policy { max_queue_size: 2 } }\n`
  ),
  strings: model(Models.simpleString(), "max_batch_size: 8\n"),
  stream: model(SequenceModels.accumulator(), SequenceModels.accumulatorConfig()),
  released: {
    "config.pbtxt": `version_policy { all { } }\n${one}`,
    "rollout.json": JSON.stringify({
      labels: { stable: 1, canary: 2 },
      traffic: { stable: 3, canary: 1 },
      shadow: { to: "canary", share: 1 }
    }),
    1: { "model.onnx": Models.scaled(1) },
    2: { "model.onnx": Models.scaled(2) }
  },
  both: {
    "config.pbtxt": ensemble({
      steps: [doubling("batched", "IN", "a"), doubling("cached", "a", "OUT")]
    }),
    1: {}
  }
} satisfies Child.Files

/** The second server's: loaded when they are asked for. */
const guests = {
  first: model(Models.simple(), `max_batch_size: 8\n${one}response_cache { enable: true }\n`),
  second: model(Models.simple(), `max_batch_size: 8\n${one}`),
  broken: model(new Uint8Array(8), `max_batch_size: 8\n${one}`)
} satisfies Child.Files

/** A server as its clients and its scraper see it. */
export interface Member {
  readonly url: string
  readonly metrics: string
  readonly child: Child.Child
}

const loopback = ["http", "grpc", "metrics"].flatMap((door) => [`--${door}-address=127.0.0.1`, `--${door}-port=0`])

const member = Effect.fnUntraced(function*(
  files: Child.Files,
  words: ReadonlyArray<string>,
  variables: Variables
) {
  const child = yield* Child.start(["serve", yield* Child.folder(files), ...loopback, ...words], { variables })
  const [, url] = yield* child.printed(/^Listening for HTTP at (\S+)/m)
  const [, metrics] = yield* child.printed(/metrics at (\S+)/)
  return { child, url: url!, metrics: metrics! } satisfies Member
})

/** The servers. @category models */
export interface Fleet {
  readonly main: Member
  readonly guests: Member
}

/** gRPC of the second server is served with a certificate. */
const secured = Effect.gen(function*() {
  const authority = Certificates.authority("fleet")
  const { cert, key } = Certificates.signed("guests", "fleet", authority)
  const folder = yield* Child.folder({ "cert.pem": cert, "key.pem": key })
  return [
    "--grpc-use-ssl=true",
    `--grpc-server-cert=${join(folder, "cert.pem")}`,
    `--grpc-server-key=${join(folder, "key.pem")}`
  ]
})

/** Variables of the environment. */
type Variables = Readonly<Record<string, string>>

/** Servers that are ready; with Redis where it is installed. */
export const start = (
  options: { readonly words?: ReadonlyArray<string>; readonly main?: Variables; readonly guests?: Variables } = {}
): Effect.Effect<Fleet, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { words = [] } = options
    let redis: ReadonlyArray<string> = []
    if (RedisServer.program !== undefined) {
      const port = yield* Child.freePort
      yield* RedisServer.start(port)
      redis = [`--cache-config=redis,host=127.0.0.1,port=${port}`]
    }
    const main = ["--cache-config=local,size=1048576", "--rate-limit=execution_count"]
    const residency = [
      "--model-residency-budget=10000000000",
      "--model-residency-idle-secs=1",
      "--client-quota=1000000"
    ]
    const programs = { PATH: `${yield* NvidiaSmi.folder}${delimiter}${process.env["PATH"]}` }
    return {
      main: yield* member(models, [...main, ...words], { ...programs, ...options.main }),
      guests: yield* member(guests, [...residency, ...redis, ...(yield* secured), ...words], options.guests ?? {})
    }
  })

interface Asked {
  readonly version?: string
  readonly parameters?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
}

/** Tensors of a row each, all alike. */
const rows = (
  names: ReadonlyArray<string>,
  datatype: string,
  width: number,
  value: number | string
): ReadonlyArray<unknown> =>
  names.map((name) => ({ name, datatype, shape: [1, width], data: Array.from({ length: width }, () => value) }))

/** Asks a model, and gives the status. */
export const ask = (
  { url }: Member,
  name: string,
  inputs: ReadonlyArray<unknown>,
  { headers = {}, parameters, version }: Asked = {}
): Effect.Effect<number> =>
  Effect.map(
    Child.ask(`${url}/v2/models/${name}${version === undefined ? "" : `/versions/${version}`}/infer`, {
      method: "POST",
      headers,
      body: JSON.stringify({ ...(parameters === undefined ? {} : { parameters }), inputs })
    }),
    ({ status }) => status
  )

const pair = ["INPUT0", "INPUT1"]

/** Inputs of the models `batched`, `cached`, `first` and `second`. */
export const sums = (value: number): ReadonlyArray<unknown> => rows(pair, "INT32", 16, value)

/** Inputs of the model `stream`. */
export const step = (value: number): ReadonlyArray<unknown> => rows(["INPUT"], "INT32", 1, value)

/** Inputs of the ensemble `both`. */
export const whole = (value: number): ReadonlyArray<unknown> => rows(["IN"], "INT32", 16, value)

/** Something of everything: what must be answered is, and what must not be is not. Each round has sequences of its own. */
export const traffic = ({ guests, main }: Fleet, round: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    const at = (member: Member, name: string, inputs: ReadonlyArray<unknown>, asked?: Asked) =>
      Effect.map(ask(member, name, inputs, asked), (status) => `${name} ${status}`)
    const sequence = (id: number, start: boolean, end: boolean): Asked => ({
      parameters: { sequence_id: id, sequence_start: start, sequence_end: end }
    })
    const answers = yield* Effect.all([
      ...Array.from({ length: 6 }, (_, i) => at(main, "batched", sums(i))),
      ...Array.from({ length: 3 }, () => at(main, "cached", sums(7))),
      at(main, "both", whole(round)),
      at(main, "strings", rows(pair, "BYTES", 16, "1")),
      at(main, "released", rows(["INPUT0"], "FP32", 1, 1), { version: "stable" }),
      at(main, "released", rows(["INPUT0"], "FP32", 1, 1)),
      at(guests, "first", sums(round % 2)),
      at(guests, "second", sums(2))
    ], { concurrency: "unbounded" })
    for (const answer of answers) assert.match(answer, / 200$/)
    for (const [start, end] of [[true, false], [false, false], [false, round % 2 === 0]] as const) {
      assert.strictEqual(yield* ask(main, "stream", step(1), sequence(round + 1, start, end)), 200)
    }
    assert.notStrictEqual(yield* ask(main, "strings", rows(pair, "BYTES", 16, "no number")), 200)
    assert.notStrictEqual(yield* ask(guests, "broken", sums(1)), 200)
    assert.strictEqual(yield* ask(main, "batched", rows(pair, "INT32", 15, 1)), 400)
    const slow = yield* Effect.all(
      Array.from({ length: 6 }, () => ask(main, "slow", rows(["INPUT0"], "FP32", 16, 1))),
      { concurrency: "unbounded" }
    )
    assert.deepStrictEqual(new Set(slow), new Set([200, 503]))
  })
