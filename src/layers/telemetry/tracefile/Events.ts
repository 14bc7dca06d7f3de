/** What is noted under one id of a trace file, and its JSON. Source: scheduling §10.5. */
import type { Tensor } from "../../../schema/Inference.ts"
import type { TensorActivity } from "../../../schema/RequestTrace.ts"
import type { PendingText } from "./PendingText.ts"
import * as TensorText from "./TensorText.ts"

/** What the first object of an id says of the request. @category models */
export interface Head {
  readonly model: string
  readonly version: number
  readonly requestId: string
}

interface Event {
  readonly ns: number
  readonly text: string
}

/** @category models */
export class Events {
  readonly id: number
  private readonly parentId: number | undefined
  private readonly timestamps: boolean
  private readonly pending: PendingText
  private events: Array<Event> = []
  /** Characters of tensors, for which there is room kept. */
  private held = 0

  constructor(id: number, parentId: number | undefined, timestamps: boolean, pending: PendingText) {
    this.id = id
    this.parentId = parentId
    this.timestamps = timestamps
    this.pending = pending
  }

  head({ model, requestId, version }: Head, ns: number): void {
    let text = `{"id":${this.id},"model_name":${JSON.stringify(model)},"model_version":${version}`
    if (requestId !== "") text += `,"request_id":${JSON.stringify(requestId)}`
    if (this.parentId !== undefined) text += `,"parent_id":${this.parentId}`
    this.events.push({ ns, text: text + "}" })
  }

  timestamp(name: string, ns: number): void {
    if (!this.timestamps) return
    this.events.push({ ns, text: `{"id":${this.id},"timestamps":[{"name":"${name}","ns":${ns}}]}` })
  }

  tensor(activity: TensorActivity, { datatype, name, shape, ...rest }: Tensor, ns: number): void {
    const { pending } = this
    const rendered = TensorText.render({ datatype, name, shape, ...rest }, pending.room)
    if (typeof rendered === "string") {
      if (rendered === "too long") pending.left("tensors")
      return
    }
    const tensor = JSON.stringify({ name, data: rendered.text, shape: shape.join(","), dtype: datatype })
    pending.take(tensor.length)
    this.held += tensor.length
    this.events.push({ ns, text: `{"id":${this.id},"activity":"${activity}","tensor":${tensor}}` })
  }

  /** Takes over what was noted elsewhere under the same id. */
  absorb(other: Events): void {
    this.events.push(...other.events)
    this.held += other.held
    other.events = []
    other.held = 0
  }

  /** Forgets all that was noted. */
  discard(): void {
    this.pending.free(this.held)
    this.held = 0
    this.events = []
  }

  /** The objects in the order of time, with commas between; what was noted is gone then. */
  take(): string {
    const text = this.events.sort((one, other) => one.ns - other.ns).map((event) => event.text).join(",")
    this.discard()
    return text
  }
}
