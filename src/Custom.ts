/** What the module of a custom model imports: `import { InvalidRequest, Tensor } from "galatea/custom"`. */
export type * as CustomModel from "./schema/CustomModel.ts"
export { InvalidRequest } from "./schema/Errors.ts"
export * as Tensor from "./schema/Tensor.ts"
