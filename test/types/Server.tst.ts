import type { Effect, Layer } from "effect"
import { expect, test } from "tstyche"
import * as Server from "../../src/layers/Server.ts"
import type { InferenceError, ModelsNotLoaded, PollFailed } from "../../src/schema/Errors.ts"
import type { InferenceResponse } from "../../src/schema/Inference.ts"
import * as ServerOptions from "../../src/schema/ServerOptions.ts"
import type { InferenceServer } from "../../src/services/InferenceServer.ts"
import type { ModelRepository } from "../../src/services/ModelRepository.ts"
import type { Statistics } from "../../src/services/Statistics.ts"
import type { TensorMemory } from "../../src/services/TensorMemory.ts"

test("the server needs nothing", () => {
  expect(Server.layerInProcess(ServerOptions.make())).type.toBe<
    Layer.Layer<InferenceServer | ModelRepository | Statistics | TensorMemory, ModelsNotLoaded | PollFailed>
  >()
  expect(Server.layer(ServerOptions.make())).type.toBe<
    Layer.Layer<InferenceServer | ModelRepository | Statistics | TensorMemory, Server.StartFailure>
  >()
})

test("the door has one error", () => {
  expect<ReturnType<InferenceServer["Service"]["infer"]>>().type.toBe<
    Effect.Effect<InferenceResponse, InferenceError>
  >()
})

test("options are checked by name and type", () => {
  expect(ServerOptions.make).type.toBeCallableWith({ httpPort: 8000, modelRepository: ["models"] })
  expect(ServerOptions.make).type.not.toBeCallableWith({ httpPort: "8000" })
  expect(ServerOptions.make).type.not.toBeCallableWith({ port: 8000 })
})
