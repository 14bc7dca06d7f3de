/** Metadata of the server and of models, and their configuration. Source: protocol §3.2–3.4, §7.3. */
import * as Status from "../../../../../schema/proto/StatusFields.ts"
import { whenResident } from "../../Resident.ts"
import type { Door } from "./Door.ts"
import { unary } from "./Rpc.ts"

/** @internal */
export const rpcs = ({ server }: Door) => ({
  ServerMetadata: unary({
    category: "metadata",
    request: Status.ServerMetadataRequest,
    response: Status.ServerMetadataResponse,
    answer: (_, call) => call.reply(server.metadata)
  }),
  ModelMetadata: unary({
    category: "metadata",
    request: Status.ModelMetadataRequest,
    response: Status.ModelMetadataResponse,
    model: ({ name }) => name,
    answer: ({ name, version }, call) =>
      whenResident(call, () => server.modelMetadata(name, version), (metadata) => call.reply(metadata))
  }),
  ModelConfig: unary({
    category: "model-config",
    request: Status.ModelConfigRequest,
    response: Status.ModelConfigResponse,
    model: ({ name }) => name,
    answer: ({ name, version }, call) =>
      whenResident(call, () => server.model(name, version), ({ config }) => call.reply({ config }))
  })
})
