/**
 * The yardstick of heavy models: ONNX Runtime called directly, one session on each of so many worker threads, no server.
 *
 * Usage: node ort.ts <model file> <sessions> <intra-op threads> <1: threads spin, 0: they do not> <input name> <dims of a row as 3x224x224>
 * Prints "ready"; answers each line "<rows of a run> <seconds>" on its input with rows per second, summed over the sessions, and
 * the median microseconds of a run.
 */
import { createRequire } from "node:module"
import { createInterface } from "node:readline"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"
import type * as Ort from "onnxruntime-node"

interface Job {
  readonly path: string
  readonly intraOp: number
  readonly spinning: string
  readonly input: string
  readonly row: ReadonlyArray<number>
}

interface Asked {
  readonly batch: number
  readonly seconds: number
}

interface Told {
  readonly perSecond: number
  readonly micros: ReadonlyArray<number>
}

const work = async ({ input, intraOp, path, row, spinning }: Job): Promise<void> => {
  const ort: typeof Ort = createRequire(import.meta.url)("onnxruntime-node")
  const session = await ort.InferenceSession.create(path, {
    intraOpNumThreads: intraOp,
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: spinning } } }
  })
  const feeds = new Map<number, Record<string, Ort.Tensor>>()
  const feedOf = (batch: number) => {
    const dims = [batch, ...row]
    const size = dims.reduce((product, dim) => product * dim, 1)
    return { [input]: new ort.Tensor("float32", new Float32Array(size).fill(0.5), dims) }
  }
  parentPort!.on("message", async ({ batch, seconds }: Asked) => {
    const feed = feeds.get(batch) ?? feedOf(batch)
    feeds.set(batch, feed)
    const micros: Array<number> = []
    const began = performance.now()
    let now = began
    do {
      await session.run(feed)
      const ended = performance.now()
      micros.push((ended - now) * 1000)
      now = ended
    } while (now - began < seconds * 1000)
    parentPort!.postMessage({ perSecond: micros.length * batch / (now - began) * 1000, micros } satisfies Told)
  })
  parentPort!.postMessage("ready")
}

const drive = async (): Promise<void> => {
  const [path, sessions, intraOp, spinning, input, dims] = process.argv.slice(2) as [string, ...Array<string>]
  const row = dims!.split("x").map(Number)
  const workers = Array.from({ length: Number(sessions) }, () =>
    new Worker(new URL(import.meta.url), {
      workerData: { path, intraOp: Number(intraOp), spinning: spinning!, input: input!, row } satisfies Job
    }))
  const said = () =>
    Promise.all(workers.map((worker) => new Promise<Told>((resolve) => worker.once("message", resolve))))
  await said()
  process.stdout.write("ready\n")
  for await (const line of createInterface({ input: process.stdin })) {
    const [batch, seconds] = line.split(" ").map(Number) as [number, number]
    const told = said()
    for (const worker of workers) worker.postMessage({ batch, seconds } satisfies Asked)
    const all = await told
    const micros = Float64Array.from(all.flatMap((one) => one.micros)).sort()
    const perSecond = all.reduce((sum, one) => sum + one.perSecond, 0)
    process.stdout.write(`${perSecond.toFixed(3)} ${micros[micros.length >> 1]!.toFixed(0)} ${micros.length * batch}\n`)
  }
  process.exit()
}

void (isMainThread ? drive() : work(workerData as Job))
