/** Numbers and times as people read them. */

/** @param {number} value @param {number} digits */
const fixed = (value, digits) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })

/** A name within other text, so that one in letters from right to left does not turn round what stands beside it. @param {string} text */
export const isolated = (text) => /[\u0590-\uffff]/.test(text) ? `\u2068${text}\u2069` : text

/** Three significant digits, thousands apart. @param {number} value */
export const count = (value) => {
  if (!Number.isFinite(value)) return "–"
  if (value === 0) return "0"
  const size = Math.abs(value)
  return fixed(value, size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2)
}

/** A duration in the unit that suits it: its number and its unit. @param {number} micros @returns {readonly [string, string]} */
export const durationParts = (micros) => {
  if (!Number.isFinite(micros)) return ["–", ""]
  if (micros < 1000) return [fixed(micros, micros < 10 ? 1 : 0), "µs"]
  if (micros < 1e6) return [fixed(micros / 1000, micros < 1e4 ? 2 : micros < 1e5 ? 1 : 0), "ms"]
  return [fixed(micros / 1e6, micros < 1e7 ? 2 : 1), "s"]
}

/** @param {number} micros */
export const duration = (micros) => durationParts(micros).join("\u00a0").trim()

/** @param {number} share */
export const percent = (share) => Number.isFinite(share) ? `${Math.round(share * 100)}\u00a0%` : "–"

/** @param {number} millis */
export const time = (millis) => new Date(millis).toLocaleTimeString("en-GB")

/** How long ago something was, roughly. @param {number} millis */
export const span = (millis) => {
  const minutes = Math.floor(millis / 60_000)
  if (minutes < 1) return `${Math.max(0, Math.floor(millis / 1000))}\u00a0s`
  if (minutes < 60) return `${minutes}\u00a0min`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours}\u00a0h ${minutes % 60}\u00a0min` : `${Math.floor(hours / 24)}\u00a0days`
}

/** @param {number} number @param {string} one @param {string} [many] */
export const plural = (number, one, many = `${one}s`) => `${count(number)}\u00a0${number === 1 ? one : many}`
