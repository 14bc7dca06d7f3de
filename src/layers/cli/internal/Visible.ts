/**
 * Texts from elsewhere, such as a server's answers or names of folders, for a terminal or a pipe: what would move the cursor, change
 * colours or the order of characters is shown as `\u001b`, as JSON and TypeScript write it.
 */

/** All but the joiner inside emoji: ESC and its kin, 8-bit controls, line separators, and what turns the direction of text. */
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]|\r(?!\n)/g

/** `\u001b` for ESC. @category formatting */
export const unicode = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`

/** A text that may have several lines, and tabs. @category formatting */
export const text = (value: string): string => value.replace(controls, unicode)

const breaks: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

/** A text that stays on its line. @category formatting */
export const line = (value: string): string => text(value.replace(/[\n\r\t]/g, (character) => breaks[character]!))

/** Stands for ESC in what the command line itself writes. Nobody else can know it, so that no text from elsewhere has one. */
const own = `\x1b<${crypto.randomUUID()}>`

/** A control sequence of the command line's own, such as `[1m`, in a text that `toTerminal` gets. @category formatting */
export const control = (sequence: string): string => own + sequence

/** Where a text has style sequences of the command line's own: each second part of `split` is one. @category formatting */
export const styled = new RegExp(`(${own}\\[[0-9;]*m)`)

/** The text with the command line's own control sequences, and all others shown. @category formatting */
export const toTerminal = (value: string): string => value.split(own).map(text).join("\x1b")
