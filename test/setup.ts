/** One seed for all property tests, so that a run can be repeated; `GALATEA_TEST_SEED` tries another. */
import * as fc from "fast-check"

fc.configureGlobal({ seed: Number(process.env["GALATEA_TEST_SEED"] ?? 20_261_122) })
