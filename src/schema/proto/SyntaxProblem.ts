/** How the text parser leaves: by the first problem, caught where the parser is called. */

/** What is wrong and where, in byte offsets of the text. @internal */
export class SyntaxProblem {
  readonly detail: string
  readonly start: number
  readonly end: number
  readonly suggestion: string | undefined
  constructor(detail: string, at: { readonly start: number; readonly end: number }, suggestion?: string) {
    this.detail = detail
    this.start = at.start
    this.end = at.end
    this.suggestion = suggestion
  }
}
