/** The heads of answers as main sends them, taken apart; mostly the same. */

/** @internal */
export interface AnswerHead {
  readonly status: number
  /** Names and values in turn. */
  readonly headers: Array<string>
}

const maxKept = 256

/** @internal */
export class AnswerHeads {
  private readonly kept = new Map<string, AnswerHead>()

  /** `text`: `status\nname\nvalue…`. */
  of(text: string): AnswerHead {
    const known = this.kept.get(text)
    if (known !== undefined) return known
    const [status, ...headers] = text.split("\n")
    const head = { status: Number(status), headers }
    if (this.kept.size === maxKept) this.kept.clear()
    this.kept.set(text, head)
    return head
  }
}
