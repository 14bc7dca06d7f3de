/** How a message names the request that it is about. */
import type { InferenceRequest } from "../../../schema/Inference.ts"

/** Stands before the message. */
export const requestPrefix = ({ id }: InferenceRequest): string => `[request id: ${id === "" ? "<id_unknown>" : id}] `
