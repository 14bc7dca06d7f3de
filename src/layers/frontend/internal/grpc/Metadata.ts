/** The metadata that a client sent with its call. */

/** @internal */
export class Metadata {
  /** Names in lower case and values in turn, in the order of arrival, without pseudo headers. */
  readonly raw: ReadonlyArray<string>

  constructor(raw: ReadonlyArray<string>) {
    this.raw = raw
  }

  /** The value of a name in lower case. Where the name came several times, its values joined by commas. */
  get(name: string): string | undefined {
    const { raw } = this
    let found: string | undefined = undefined
    for (let i = 0; i < raw.length; i += 2) {
      if (raw[i] === name) found = found === undefined ? raw[i + 1]! : `${found},${raw[i + 1]!}`
    }
    return found
  }
}
