/** A connection that a front holds, as calls on the main thread see it. */
import { CallList } from "../http/CallList.ts"
import type { Carrier, InProgress } from "../http/Wire.ts"
import type { Wire } from "../tracing/WireFacts.ts"
import { FrontCall } from "./FrontCall.ts"
import type { Link } from "./Link.ts"
import { Down } from "./Records.ts"

/** @internal */
export class FrontCarrier implements Carrier {
  readonly calls = new CallList<InProgress>()
  /** Calls that are over, and whose body may still be written. */
  readonly late = new Set<FrontCall>()
  /** Both of its ends. */
  readonly wire: Wire
  private readonly link: Link
  private readonly id: number

  constructor(link: Link, id: number, wire: Wire) {
    this.link = link
    this.id = id
    this.wire = wire
  }

  left(): void {}

  linger(): void {
    this.tell(Down.linger)
  }

  end(): void {
    this.tell(Down.close)
  }

  destroy(): void {
    this.tell(Down.destroy)
  }

  private tell(kind: number): void {
    const { link } = this
    link.open(kind, 4)
    link.ints[link.at >> 2] = this.id
    link.commit()
  }

  /** The client went away, or the front is gone. */
  closed(): void {
    for (const call of this.calls) {
      if (call.response instanceof FrontCall) call.response.gone()
      call.abort()
    }
    for (const call of this.late) call.gone()
  }
}
