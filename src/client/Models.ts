/**
 * Descriptions of models, and the types of calls that follow from them.
 *
 * `galatea codegen` writes a description of what a server has; without one every call is checked by the server alone.
 */
import type { DataType } from "../schema/DataType.ts"
import type { BytesAs, InputValues, OutputValues } from "./Values.ts"

/** A tensor of a model: datatype and dimensions, -1 where a dimension is free. @category models */
export interface TensorDescription {
  readonly datatype: DataType
  readonly shape: ReadonlyArray<number>
  /** The input may be left out. */
  readonly optional?: boolean
}

/** @category models */
export interface ModelDescription {
  readonly inputs: { readonly [name: string]: TensorDescription }
  readonly outputs: { readonly [name: string]: TensorDescription }
}

/** Models by name: what `galatea codegen` writes. @category models */
export interface ModelDescriptions {
  readonly [name: string]: ModelDescription
}

/** Any model, where nothing is known about models. @category models */
export type AnyModels = ModelDescriptions

/** A shape of the same rank: as many numbers as a description has dimensions. */
type Rank<Shape extends ReadonlyArray<number>> = { readonly [Dimension in keyof Shape]: number }

/** Whether a tensor may be given as its values alone: their number is its shape. */
type IsVector<Shape extends ReadonlyArray<number>> = number extends Shape["length"] ? true
  : Shape["length"] extends 1 ? true
  : false

/** Values with their shape. `datatype` may be left out where the class of the values or the description says it. @category models */
export type InputTensor<D extends DataType, Shape extends ReadonlyArray<number>> = D extends DataType ? {
    readonly datatype?: D
    readonly shape: Shape
    readonly data: InputValues[D]
  }
  : never

/** What a call gives for one input. @category models */
export type InputOf<T extends TensorDescription> =
  | InputTensor<T["datatype"], Rank<T["shape"]>>
  | (IsVector<T["shape"]> extends true ? InputValues[T["datatype"]] : never)

type OptionalInput<T extends ModelDescription> = {
  [Name in keyof T["inputs"]]: T["inputs"][Name] extends { readonly optional: true } ? Name : never
}[keyof T["inputs"]]

/** The inputs of a call, by name. @category models */
export type InputsOf<T extends ModelDescription> =
  & { readonly [Name in Exclude<keyof T["inputs"], OptionalInput<T>>]: InputOf<T["inputs"][Name]> }
  & { readonly [Name in OptionalInput<T>]?: InputOf<T["inputs"][Name]> }

/** One output that a call asks for; with `classification` the best so many classes instead, as strings `value:index:label`. @category models */
export type RequestedOutput<Name extends string> = Name | {
  readonly name: Name
  readonly classification?: number
}

/** An output as it came. Feed it back as an input as it is. @category models */
export type OutputTensor<
  D extends DataType = DataType,
  Shape extends ReadonlyArray<number> = ReadonlyArray<number>,
  B extends BytesAs = "string"
> = D extends DataType ? {
    readonly datatype: D
    readonly shape: Shape
    readonly data: OutputValues<B>[D]
  }
  : never

type NameOf<Requested> = Requested extends string ? Requested
  : Requested extends { readonly name: infer Name extends string } ? Name
  : never

type OutputOf<T extends ModelDescription, Requested, B extends BytesAs> = Requested extends
  { readonly classification: number } ? OutputTensor<"BYTES", ReadonlyArray<number>, B>
  : OutputTensor<
    T["outputs"][NameOf<Requested>]["datatype"],
    Rank<T["outputs"][NameOf<Requested>]["shape"]>,
    B
  >

/** Names of a model's outputs. @category models */
export type OutputName<T extends ModelDescription> = keyof T["outputs"] & string

/** The outputs of an answer, by name: those asked for, or all. @category models */
export type OutputsOf<T extends ModelDescription, Requested, B extends BytesAs> = Requested extends
  ReadonlyArray<RequestedOutput<string>> ? { readonly [R in Requested[number] as NameOf<R>]: OutputOf<T, R, B> }
  : { readonly [Name in OutputName<T>]: OutputOf<T, Name, B> }
