/** Decides whether what many callers did at once, and saw, is what they could have done and seen one after the other. */

/** One call, from the moment it was made to the moment it was answered. */
export interface Call<State> {
  readonly begin: number
  readonly end: number
  /** States after the call where it took place in this one; none: it cannot have. */
  readonly after: (state: State) => ReadonlyArray<State>
}

/**
 * Whether some order of all calls, which keeps calls that did not overlap in their order, leads from `initial` to `final`. A
 * state is a string, so that the same place is not searched twice.
 */
export const isLinearizable = (calls: ReadonlyArray<Call<string>>, initial: string, final: string): boolean => {
  const tried = new Set<string>()
  const search = (left: ReadonlyArray<number>, state: string): boolean => {
    if (left.length === 0) return state === final
    const key = `${left.join()} ${state}`
    if (tried.has(key)) return false
    tried.add(key)
    const firstEnd = Math.min(...left.map((index) => calls[index]!.end))
    return left.some((index) =>
      calls[index]!.begin <= firstEnd &&
      calls[index]!.after(state).some((next) => search(left.filter((other) => other !== index), next))
    )
  }
  return search(calls.map((_, index) => index), initial)
}
