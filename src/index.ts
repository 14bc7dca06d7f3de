/** Library entry: `import { Galatea } from "galatea"`, or the modules one by one. */
export * from "./Galatea.ts"
export * as Galatea from "./Galatea.ts"
