/** Which lanes of a queue ask for a turn, where instances share resources: as many as there is something to run on. */
import type { Turn } from "../../../services/Executor.ts"

/** @category models */
export interface TurnLane {
  readonly instance: { readonly turn?: Turn }
  /** Started and not ended. */
  readonly runs: { readonly length: number }
  /** Stands in line for its turn, or has it. */
  asked: boolean
}

/** @category models */
export class LaneLine {
  private wanted = 0
  private readonly lanes: ReadonlyArray<TurnLane>
  private readonly onTurn: () => void

  /** `onTurn` is called when it is the turn of a lane. */
  constructor(lanes: ReadonlyArray<TurnLane>, onTurn: () => void) {
    this.lanes = lanes
    this.onTurn = onTurn
  }

  /** So many runs would begin if they could. */
  want(runs: number): void {
    this.wanted = runs
    this.balance()
  }

  /** A lane uses its turn. */
  used(lane: TurnLane): void {
    lane.asked = false
    if (this.wanted > 0) this.wanted--
  }

  /**
   * Lets as many idle lanes ask as runs are wanted, those of the smallest ranks. Turns may come, be used and end meanwhile: each step
   * looks afresh.
   */
  balance(): void {
    while (true) {
      let asking = 0
      let next: TurnLane | undefined
      let last: TurnLane | undefined
      for (const lane of this.lanes) {
        if (lane.runs.length > 0) continue
        if (lane.asked) {
          asking++
          if (last === undefined || isBehind(lane, last)) last = lane
        } else if (next === undefined || rankOf(lane) < rankOf(next)) next = lane
      }
      // A lane that takes the place of another asks before that leaves the line, so that nobody passes both.
      const isBetter = next !== undefined && asking === this.wanted && last !== undefined && isBefore(next, last)
      if (next !== undefined && (asking < this.wanted || isBetter)) {
        next.asked = true
        next.instance.turn?.ask(this.onTurn)
      } else if (asking > this.wanted && last !== undefined) {
        last.asked = false
        last.instance.turn?.drop()
      } else return
    }
  }
}

const rankOf = ({ instance }: TurnLane): number => instance.turn?.rank() ?? 0

const isBefore = (lane: TurnLane, other: TurnLane): boolean =>
  other.instance.turn?.isGranted() !== true && rankOf(lane) < rankOf(other)

/** A lane that waits goes before one whose turn it is, of equal ones that of larger rank. */
const isBehind = (lane: TurnLane, other: TurnLane): boolean => {
  const granted = lane.instance.turn?.isGranted() === true
  if (granted !== (other.instance.turn?.isGranted() === true)) return !granted
  return rankOf(lane) > rankOf(other)
}
