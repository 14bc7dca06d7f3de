/** Metadata of the server and of models, and their configuration. Source: protocol §3.2–3.4, §7.3. */
import { Result } from "effect"
import * as Status from "../../../../../schema/proto/StatusFields.ts"
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
    answer: ({ name, version }, call) => {
      const metadata = server.modelMetadata(name, version)
      if (Result.isFailure(metadata)) call.failure(metadata.failure)
      else call.reply(metadata.success)
    }
  }),
  ModelConfig: unary({
    category: "model-config",
    request: Status.ModelConfigRequest,
    response: Status.ModelConfigResponse,
    answer: ({ name, version }, call) => {
      const model = server.model(name, version)
      if (Result.isFailure(model)) call.failure(model.failure)
      else call.reply({ config: model.success.config })
    }
  })
})
