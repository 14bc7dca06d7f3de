/** Serves what one front receives as calls, like those of the connections that main holds itself. */
import type { TensorMemory } from "../../../../services/TensorMemory.ts"
import * as Unfinished from "../http/Unfinished.ts"
import type { Head } from "../http1/Head.ts"
import { readHead } from "../http1/HeadReader.ts"
import { FrontCall, type FrontSide } from "./FrontCall.ts"
import { FrontCarrier } from "./FrontCarrier.ts"
import { Link } from "./Link.ts"
import { NamedMemory } from "./NamedMemory.ts"
import type { Need } from "./Need.ts"
import { Places } from "./Places.ts"
import { Down, headPlaces, noPlace, requestFields, RequestFlag, type ToFront, Up } from "./Records.ts"
import { RingReader, RingWriter } from "./Ring.ts"

/** @internal */
export interface Options {
  readonly up: SharedArrayBuffer
  readonly down: SharedArrayBuffer
  readonly post: (message: ToFront | 0) => void
  readonly memory: TensorMemory["Service"]
  /** Takes a request. `bodied`: a body may come. `expecting`: the client waits for `100 Continue` before it sends that. */
  readonly serve: (call: FrontCall, bodied: boolean, expecting: boolean) => void
  /** Hears what the fronts have to do. */
  readonly need: Pick<Need, "joined" | "moved">
  /** Tells the operator of a bug. */
  readonly defect: (thrown: unknown) => void
}

/** @internal */
export class FrontDoor {
  private readonly options: Options
  private readonly link: Link
  private readonly side: FrontSide
  private readonly carriers = new Map<number, FrontCarrier>()
  private readonly calls = new Places<FrontCall>()
  private readonly heads: Array<Head | undefined> = new Array<Head | undefined>(headPlaces).fill(undefined)

  constructor(options: Options) {
    this.options = options
    this.link = new Link({
      writer: new RingWriter(options.down),
      reader: new RingReader(options.up),
      tell: () => options.post(0),
      expectsMore: () => this.calls.size > 0,
      onRecord: (record) => {
        try {
          this.take(record)
        } catch (thrown) {
          options.defect(thrown)
        }
      }
    })
    this.side = {
      link: this.link,
      memory: options.memory,
      moved: (bytes) => options.need.moved(bytes),
      named: new NamedMemory({ postMessage: options.post }),
      forget: (id) => {
        this.calls.delete(id)
      }
    }
  }

  /** The front has written. */
  rung(): void {
    this.link.rung()
  }

  /** The front accepts no more, and closes the connections without requests. */
  retire(): void {
    this.link.open(Down.retire, 0)
    this.link.commit()
  }

  /** The connections that the front holds are closed, each after the answer to its next request, so that clients connect anew. */
  renew(): void {
    this.link.open(Down.renew, 0)
    this.link.commit()
  }

  /** What has not arrived of requests is not waited for any longer. */
  cutShort(): void {
    for (const carrier of this.carriers.values()) Unfinished.cutShort(carrier.calls)
  }

  /** The front is gone: nobody waits for any of its calls. */
  close(): void {
    this.link.close()
    for (const carrier of this.carriers.values()) carrier.closed()
    this.carriers.clear()
    this.calls.clear()
  }

  private take(record: RingReader): void {
    const { at, ints, kind } = record
    const field = at >> 2
    switch (kind) {
      case Up.request:
        return this.request(record)
      case Up.joined:
        return this.joined(record)
      case Up.gone: {
        const id = ints[field]!
        const carrier = this.carriers.get(id)
        this.carriers.delete(id)
        return carrier?.closed()
      }
    }
    // It may be over, with something of it still on the way.
    const call = this.calls.get(ints[field]!)
    if (call === undefined) return
    switch (kind) {
      case Up.data:
        return call.data(copyOf(record, at + 4, at + record.length))
      case Up.ended:
        return call.ended()
      case Up.filled:
        return call.filled()
      case Up.sent:
        return call.sent()
      case Up.room:
        return call.room()
      case Up.fault:
        return call.fault(ints[field + 1]!, record.bytes.toString("utf8", at + 8, at + record.length))
    }
  }

  private joined({ at, bytes, ints, length }: RingReader): void {
    const field = at >> 2
    const localAt = at + 16 + ints[field + 3]!
    this.carriers.set(
      ints[field]!,
      new FrontCarrier(this.link, ints[field]!, {
        remoteAddress: bytes.toString("latin1", at + 16, localAt),
        remotePort: ints[field + 1]!,
        localAddress: bytes.toString("latin1", localAt, at + length),
        localPort: ints[field + 2]!
      })
    )
    this.options.need.joined()
  }

  private request(record: RingReader): void {
    const { at, ints } = record
    const field = at >> 2
    const id = ints[field]!
    const flags = ints[field + 3]!
    const headLength = ints[field + 4]!
    const bodyAt = at + requestFields + headLength
    const bodyLength = ints[field + 5]!
    const head = headLength === 0
      ? this.heads[ints[field + 2]!]!
      : this.newHead(copyOf(record, at + requestFields, bodyAt), ints[field + 2]!)
    const whole = (flags & RequestFlag.whole) !== 0
    const bodied = (flags & RequestFlag.bodied) !== 0
    const body = whole && bodied ? record.bytes.subarray(bodyAt, bodyAt + bodyLength) : undefined
    const carrier = this.carriers.get(ints[field + 1]!)!
    const call = new FrontCall(this.side, carrier, id, head, whole, body)
    if ((flags & RequestFlag.last) !== 0) call.shouldKeepAlive = false
    this.calls.set(call)
    this.options.serve(call, bodied, (flags & RequestFlag.expecting) !== 0)
    call.keepEarly()
  }

  private newHead(bytes: Buffer, place: number): Head {
    const head = readHead(bytes, 0, bytes.length + 1)
    if (typeof head === "number") throw new Error("A front passed on a head that cannot be read")
    if (place !== noPlace) this.heads[place] = head
    return head
  }
}

/** Bytes of a record, for longer than it. */
const copyOf = ({ bytes }: RingReader, start: number, end: number): Buffer => {
  const copy = Buffer.allocUnsafe(end - start)
  bytes.copy(copy, 0, start, end)
  return copy
}
