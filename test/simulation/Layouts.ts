/** How the requests of a simulation are laid out: tensors of one-byte marks that say whose row it is. */
import { Result } from "effect"
import * as BatchLayout from "../../src/layers/scheduling/internal/BatchLayout.ts"
import type { Tensor } from "../../src/schema/Inference.ts"
import type { Job } from "../../src/services/Scheduler.ts"

/** An input of so many rows, each of `width` marks. */
export const tensor = (mark: number, rows: number, width: number): Tensor => ({
  name: "X",
  datatype: "UINT8",
  shape: [rows, width],
  data: new Uint8Array(rows * width).fill(mark)
})

/** The marks of a batch's rows; -1 for a row that is mixed. */
export const marksOf = ({ data, shape }: Tensor): Array<number> => {
  const [rows = 0, width = 0] = shape
  const marks: Array<number> = []
  for (let row = 0; row < rows; row++) {
    const mark = data[row * width]!
    let pure = true
    for (let i = 1; i < width; i++) pure &&= data[row * width + i] === mark
    marks.push(pure ? mark : -1)
  }
  return marks
}

/** Memory that is counted. */
export const real = (
  version: Omit<BatchLayout.Options, "memory">,
  releasable: (what: string) => () => void
): BatchLayout.BatchLayout =>
  BatchLayout.make({
    ...version,
    memory: {
      acquire: (byteLength) => ({
        bytes: new Uint8Array(new SharedArrayBuffer(byteLength)),
        release: releasable("memory of a batch")
      }),
      usage: () => ({ idle: 0, inUse: 0 })
    }
  })

/** The same for tensors of marks only, and short. */
export const light: BatchLayout.BatchLayout = {
  passesAlone: true,
  keyOf: (job) => ({ sizes: [job.inputs[0]!.shape[1]!], shared: [] }),
  sameKey: (a, b) => a!.sizes[0] === b!.sizes[0],
  gather: (jobs) => {
    const outputs = jobs[0]!.outputs
    const rows = jobs.reduce((sum, job) => sum + job.batchSize, 0)
    if (jobs.length === 1) return { inputs: jobs[0]!.inputs, outputs, rows, release: () => {} }
    const data = new Uint8Array(jobs.reduce((sum, job) => sum + job.inputs[0]!.data.byteLength, 0))
    let at = 0
    for (const job of jobs) {
      data.set(job.inputs[0]!.data, at)
      at += job.inputs[0]!.data.byteLength
    }
    const width = jobs[0]!.inputs[0]!.shape[1]!
    return {
      inputs: [{ name: "X", datatype: "UINT8", shape: [rows, width], data }],
      outputs,
      rows,
      release: () => {}
    }
  },
  scatter: (jobs: ReadonlyArray<Job>, _batch, result) => {
    const output = result.outputs[0]!
    const width = output.shape[1]!
    let left = jobs.length
    let row = 0
    return jobs.map((job) => {
      const data = output.data.subarray(row * width, (row + job.batchSize) * width)
      row += job.batchSize
      return Result.succeed({
        outputs: [{ ...output, shape: [job.batchSize, width], data }],
        release: () => {
          if (--left === 0) result.release()
        }
      })
    })
  }
}
