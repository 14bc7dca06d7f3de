/** How `FaultyWorker` misbehaves: the first element of INPUT0 says it. @category models */
export const faults = { exit: -1, uncaught: -2, outOfMemory: -3, stall: -4, throw: -5, refuseOutputs: -6 } as const

/** How `FaultyHost` does. @category models */
export const hostFaults = { abort: -1, never: -2 } as const
