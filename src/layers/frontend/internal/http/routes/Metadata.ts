/** Metadata of the server and of models. Source: protocol §3.2–3.3. */
import type { ModelMetadata, ServerMetadata, TensorMetadata } from "../../../../../schema/Metadata.ts"
import { whenResident } from "../../Resident.ts"
import { quote } from "../Answer.ts"
import type { Route } from "../Router.ts"
import type { Door } from "./Door.ts"

const common = { category: "metadata", contentType: "application/json" } as const

/** @internal */
export const routes = ({ server }: Door): ReadonlyArray<Route> => {
  const serverText = serverJson(server.metadata)
  return [
    { ...common, path: "/v2", get: (call) => call.text("application/json", serverText) },
    {
      ...common,
      path: "/v2/models/{model}[/versions/{version}]",
      get: (call) =>
        whenResident(
          call,
          () => server.modelMetadata(call.captures.model, call.captures.version),
          (metadata) => call.text("application/json", modelJson(metadata))
        )
    }
  ]
}

const strings = (texts: ReadonlyArray<string>): string => `[${texts.map(quote).join(",")}]`

const serverJson = (metadata: ServerMetadata): string =>
  `{"name":${quote(metadata.name)},"version":${quote(metadata.version)},"extensions":${strings(metadata.extensions)}}`

const tensorJson = (tensor: TensorMetadata): string =>
  `{"name":${quote(tensor.name)},"datatype":${quote(tensor.datatype)},"shape":[${tensor.shape.join(",")}]}`

const modelJson = (metadata: ModelMetadata): string =>
  `{"name":${quote(metadata.name)},"versions":${strings(metadata.versions)},"platform":${quote(metadata.platform)},` +
  `"inputs":[${metadata.inputs.map(tensorJson).join(",")}],"outputs":[${metadata.outputs.map(tensorJson).join(",")}]}`
