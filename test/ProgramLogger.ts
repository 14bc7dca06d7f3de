/** Loggers for tests that look at what the program logs. */
import { Logger } from "effect"

/** What the test clock says in the log of a test that takes a second or more, as it may on a machine that has much else to do. */
const ofTheClock = /^A (?:test is using time, but|fiber woken by the test clock)/

/** A logger that is told what the program logs, and nothing of what the test clock has to say. */
export const make = (log: (options: Logger.Options<unknown>) => void): Logger.Logger<unknown, void> =>
  Logger.make((options) => {
    if (!ofTheClock.test(String(options.message))) log(options)
  })
