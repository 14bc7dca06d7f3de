/** Tells whether a name came before among those of a request. */

/** A set takes over where a walk would be slow. @internal */
export class Names {
  private readonly names: Array<string> = []
  private set: Set<string> | undefined = undefined

  readonly taken = (name: string): boolean => {
    if (this.set !== undefined) {
      if (this.set.has(name)) return true
      this.set.add(name)
      return false
    }
    if (this.names.includes(name)) return true
    this.names.push(name)
    if (this.names.length > 16) this.set = new Set(this.names)
    return false
  }
}
