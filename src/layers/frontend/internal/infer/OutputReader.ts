/** Reads one element of `outputs`. */
import type { RequestedOutput } from "../../../../schema/Inference.ts"
import type { JsonScanner } from "../json/JsonScanner.ts"
import type { TensorsOfRequest } from "./ClientTensors.ts"
import type { Encoding } from "./DecodedRequest.ts"
import { absent, type Field, first, flag, TensorParameters, text, unsigned } from "./Fields.ts"
import * as RequestFault from "./RequestFault.ts"

/** @internal */
export class OutputReader {
  private name: Field = absent
  private readonly parameters = new TensorParameters()

  /** Reads the value at the cursor. Fails for syntax alone; all else is told by {@link output}. */
  read(scanner: JsonScanner): void {
    if (scanner.peek() !== 0x7b) return scanner.skip()
    if (!scanner.openObject()) return
    do {
      switch (scanner.key()) {
        case "name":
          this.name = first(this.name, scanner)
          break
        case "parameters":
          this.parameters.read(scanner)
          break
        default:
          scanner.skip()
      }
    } while (scanner.moreMembers())
  }

  /** What was asked for. `taken` tells whether an output of that name came before; `tensors` takes those that lie in regions. */
  output(
    taken: (name: string) => boolean,
    tensors: TensorsOfRequest
  ): { readonly output: RequestedOutput; readonly encoding: Encoding } {
    const { binaryData, classification, region } = this.parameters
    if (region !== absent) {
      if (classification !== absent) {
        throw RequestFault.invalid("Output can't set both 'shared_memory_region' and 'classification'")
      }
      if (binaryData !== absent && flag(binaryData, "binary_data", "set")) {
        throw RequestFault.invalid("Output can't set both 'shared_memory_region' and 'binary_data'")
      }
    }
    const name = text(this.name, "name")
    if (taken(name)) throw new RequestFault.ListedTwice("output", name)
    const classes = classification === absent ? 0 : Number(unsigned(classification, "classification", "set"))
    if (region !== absent) {
      const { byteSize, offset, region } = this.parameters.place()
      tensors.inRegion(region).output(name, region, offset, byteSize)
      return { output: { name, classification: 0 }, encoding: "region" }
    }
    const binary = binaryData !== absent && flag(binaryData, "binary_data")
    return { output: { name, classification: classes }, encoding: binary ? "binary" : "json" }
  }
}
