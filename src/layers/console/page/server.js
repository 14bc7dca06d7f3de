/** Asks the server, with the headers that restricted APIs want. They are kept while the page is open, and nowhere else. */

/** @import { ConsoleAnswer } from "../../../schema/ConsoleState.ts" */

/** @type {Map<string, string>} */
const keys = new Map()

/** What is wrong with a value that cannot be sent; `undefined`: nothing. @param {string} header @param {string} value @returns {string | undefined} */
export const setKey = (header, value) => {
  keys.delete(header)
  if (value === "") return undefined
  try {
    new Headers().set(header, value)
  } catch {
    return "This cannot be sent in a header: it may have letters, digits and signs of Latin-1 only."
  }
  keys.set(header, value)
  return undefined
}

/** Headers of every request. @returns {Record<string, string>} */
export const headers = () => Object.fromEntries(keys)

/** An answer that is no success, in the server's words. */
export class Refused extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

/** No answer, or half of one. */
export class NotReached extends Error {}

/**
 * Fails with `Refused` and `NotReached`.
 *
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<string>}
 */
export const ask = async (path, init = {}) => {
  const [response, text] = await exchange(path, {
    ...init,
    headers: { ...headers(), ...init.headers },
    cache: "no-store"
  })
  if (response.ok) return text
  throw new Refused(response.status, errorOf(text) ?? `${response.status} ${response.statusText}`)
}

/** @param {string} path @param {RequestInit} init @returns {Promise<[Response, string]>} */
const exchange = async (path, init) => {
  try {
    const response = await fetch(path, init)
    return [response, await response.text()]
  } catch (error) {
    throw new NotReached("The server was not reached, or its answer was cut off.", { cause: error })
  }
}

/** @param {string} text @returns {string | undefined} */
const errorOf = (text) => {
  try {
    const { error } = JSON.parse(text)
    return typeof error === "string" ? error : undefined
  } catch {
    return undefined
  }
}

/** Paths are relative to the page's, so that it works behind a prefix. @param {string} model @param {string} version */
export const modelPath = (model, version) =>
  `models/${encodeURIComponent(model)}/versions/${encodeURIComponent(version)}`

/** @param {number} after @returns {Promise<ConsoleAnswer>} */
export const state = async (after) =>
  JSON.parse(await ask(`console/state?after=${after}`, { signal: AbortSignal.timeout(10_000) }))
