/**
 * The yardstick of heavy models: ONNX Runtime called directly, one session on each of `threads` worker threads, no server.
 *
 * Usage: node ort.ts <model file> <sessions> <intra-op threads> <seconds> <input name> <dims as 1x3x224x224>
 * Prints inferences per second, summed over the sessions.
 */
import { createRequire } from "node:module"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"
import type * as Ort from "onnxruntime-node"

interface Job {
  readonly path: string
  readonly intraOp: number
  readonly seconds: number
  readonly input: string
  readonly dims: ReadonlyArray<number>
  readonly spinning: string
}

const work = async (job: Job): Promise<void> => {
  const ort: typeof Ort = createRequire(import.meta.url)("onnxruntime-node")
  const session = await ort.InferenceSession.create(job.path, {
    intraOpNumThreads: job.intraOp,
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: job.spinning } } }
  })
  const size = job.dims.reduce((product, dim) => product * dim, 1)
  const feeds = { [job.input]: new ort.Tensor("float32", new Float32Array(size).fill(0.5), [...job.dims]) }
  await session.run(feeds)
  parentPort!.postMessage("ready")
  await new Promise((resolve) => parentPort!.once("message", resolve))
  const began = performance.now()
  let elapsed = 0
  let runs = 0
  while (elapsed < job.seconds) {
    await session.run(feeds)
    runs++
    elapsed = (performance.now() - began) / 1000
  }
  parentPort!.postMessage(runs / elapsed)
  parentPort!.close()
}

if (!isMainThread) void work(workerData as Job)
else {
  const [path, sessions, intraOp, seconds, input, dims] = process.argv.slice(2) as [string, ...Array<string>]
  const count = Number(sessions)
  let ready = 0
  let total = 0
  let done = 0
  const workers = Array.from({ length: count }, () =>
    new Worker(new URL(import.meta.url), {
      workerData: {
        path,
        intraOp: Number(intraOp),
        seconds: Number(seconds),
        input: input!,
        dims: dims!.split("x").map(Number),
        spinning: count > 1 ? "0" : "1"
      } satisfies Job
    }))
  for (const worker of workers) {
    worker.on("message", (message: unknown) => {
      if (message === "ready") {
        if (++ready === count) { for (const each of workers) each.postMessage("go") }
        return
      }
      total += Number(message)
      if (++done === count) process.stdout.write(`${total.toFixed(2)}\n`)
    })
  }
}
