/** Processor time of a server under a load, which moves less with other work on the machine than requests per second do. */
import { processorMillis } from "../lifecycle/report.ts"
import type { Outcome } from "../load.ts"
import type { Started } from "../server.ts"
import type { Measured } from "./Figure.ts"

/** What the requests of some loads of equal length have cost the server's process. */
export class Cost {
  private readonly server: () => Started
  private readonly seconds: number
  private micros = 0
  private requests = 0

  constructor(server: () => Started, seconds: number) {
    this.server = server
    this.seconds = seconds
  }

  /** Runs a load of so many seconds and counts it. */
  readonly of = async (load: () => Promise<Outcome>): Promise<Outcome> => {
    const { pid } = this.server()
    const before = processorMillis(pid)
    const outcome = await load()
    this.micros += (processorMillis(pid) - before) * 1000
    this.requests += outcome.perSecond * this.seconds
    return outcome
  }

  /** Microseconds for each request. */
  get each(): number {
    return this.micros / this.requests
  }
}

/** One cost beside another. */
export const ratioOf = (value: Cost, beside: Cost): Measured => ({
  value: value.each,
  beside: beside.each,
  ratio: value.each / beside.each
})
