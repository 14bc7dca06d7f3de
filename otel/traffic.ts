/**
 * Something to look at: requests to the models of `npm start` for a while, of several clients at a time, some of them wrong.
 *
 *     node otel/traffic.ts [http://localhost:8000] [--seconds 60] [--clients 16]
 */
import { parseArgs } from "node:util"
import { connect, InferenceServerError, tensor } from "../src/client/Client.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: "string", default: "60" }, clients: { type: "string", default: "16" } }
})

const seconds = Number(values.seconds)
const clients = Number(values.clients)
if (!(seconds > 0 && seconds <= 86_400 && clients > 0 && clients <= 256)) {
  process.stderr.write("--seconds is a number up to 86400, --clients one up to 256\n")
  process.exit(2)
}

const url = positionals[0] ?? "http://localhost:8000"
const server = connect(url)
const end = performance.now() + seconds * 1000

const row = Int32Array.from({ length: 16 }, (_, i) => i)
const sum = () => server.infer("simple", { INPUT0: tensor(row, [1, 16]), INPUT1: tensor(row, [1, 16]) })
const echo = () => server.infer("identity_fp32", { INPUT0: tensor(new Float32Array(1024), [1, 1024]) })
/** One column too few. */
const wrong = () => server.infer("simple", { INPUT0: tensor(row.subarray(1), [1, 15]), INPUT1: tensor(row, [1, 16]) })

/** Ten windows of silence, 32 ms each, as one stream of speech. */
const speech = async (id: number) => {
  for (let step = 0; step < 10; step++) {
    await server.infer(
      "silero_stream",
      { input: tensor(new Float32Array(576), [1, 576]), sr: tensor(BigInt64Array.of(16_000n), [1]) },
      { sequence: { id, start: step === 0, end: step === 9 } }
    )
  }
}

const counts = { answered: 0, refused: 0 }

const client = async (number: number) => {
  for (let turn = 0; performance.now() < end; turn++) {
    const ask = turn % 20 === 19
      ? wrong
      : turn % 10 === 5
      ? () => speech(number * 1_000_000 + turn + 1)
      : turn % 3 === 0
      ? echo
      : sum
    try {
      await ask()
      counts.answered++
    } catch (error) {
      if (!(error instanceof InferenceServerError) || error.code === "UNREACHABLE") throw error
      counts.refused++
    }
  }
}

await Promise.all(Array.from({ length: clients }, (_, number) => client(number)))
process.stdout.write(`${counts.answered} answered, ${counts.refused} refused in ${seconds} s\n`)
