/** The end of the server, as calls without an end of their own have to know of it. */

/** @internal */
export class Ending {
  /** The server ends. */
  begun = false
  private readonly watchers = new Set<() => void>()

  /** Calls back once the end begins, unless `forget` came before. */
  watch(watcher: () => void): void {
    this.watchers.add(watcher)
  }

  forget(watcher: () => void): void {
    this.watchers.delete(watcher)
  }

  begin(): void {
    this.begun = true
    for (const watcher of this.watchers) watcher()
  }
}
