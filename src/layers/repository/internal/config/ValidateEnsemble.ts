/** Checks of an ensemble that need no other model: its steps and how tensors flow between them. Texts are Triton's. */
import { Result } from "effect"
import type { EnsembleScheduling, ModelConfig } from "../../../../schema/ModelConfig.ts"
import * as EnsembleExtensions from "../../../ensemble/EnsembleExtensions.ts"
import * as TensorPath from "../../../ensemble/TensorPath.ts"
import type { ConfigFault } from "./ConfigFault.ts"
import { invalid } from "./ConfigFault.ts"
import * as LooseTensors from "./LooseTensors.ts"

/** A tensor of an ensemble. */
interface Node {
  readonly name: string
  /** Written by a step. */
  written: boolean
  /** Computable from the inputs of the ensemble. */
  ready: boolean
  /** Tensors that the writing step reads. */
  readonly previous: Array<Node>
  /** Steps that read this tensor. */
  readonly readers: Array<StepNode>
}

interface StepNode {
  missing: number
  readonly outputs: ReadonlyArray<Node>
}

type Step = EnsembleScheduling["step"][number]

class Graph {
  readonly nodes = new Map<string, Node>()

  node(name: string): Node {
    let found = this.nodes.get(name)
    if (found === undefined) {
      found = { name, written: false, ready: false, previous: [], readers: [] }
      this.nodes.set(name, found)
    }
    return found
  }

  *add(step: Step, extensions: EnsembleExtensions.StepExtensions, at: string): Generator<ConfigFault> {
    const outputs: Array<Node> = []
    for (const tensor of EnsembleExtensions.writes(step, extensions)) {
      const output = this.node(tensor)
      if (output.written) {
        yield invalid(`ensemble tensor '${tensor}' can appear in an output map only once for ${at}`)
      }
      output.written = true
      outputs.push(output)
    }
    const inputs = Array.from(EnsembleExtensions.reads(step, extensions), (tensor) => this.node(tensor))
    const reader: StepNode = { missing: inputs.length, outputs }
    for (const input of inputs) input.readers.push(reader)
    for (const output of outputs) output.previous.push(...inputs)
  }

  supply(input: Node): void {
    const pending = [input]
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      if (node.ready) continue
      node.ready = true
      for (const reader of node.readers) if (--reader.missing === 0) pending.push(...reader.outputs)
    }
  }
}

/** The tensor furthest up from an output that is not computable. */
const unconnected = (output: Node): Node => {
  const seen = new Set([output])
  for (let node = output;;) {
    const next = node.previous.find((previous) => !previous.ready && !seen.has(previous))
    if (next === undefined) return node
    seen.add(next)
    node = next
  }
}

/** @internal */
export function* ensembleFaults(config: ModelConfig, ensemble: EnsembleScheduling): Generator<ConfigFault> {
  const { name } = config
  if (config.platform !== "ensemble") {
    yield invalid(`ensemble scheduling cannot be set for model '${name}' whose platform is not ensemble`)
  }
  if (config.instance_group.length > 0) yield invalid(`instance group should not be specified for ensemble '${name}'`)
  if (config.optimization !== undefined) yield invalid(`optimization should not be specified for ensemble '${name}'`)
  if (config.model_warmup.length > 0) yield invalid(`model_warmup can not be specified for ensemble '${name}'`)
  if (ensemble.step.length === 0) yield invalid(`must specify 'step' for ensemble '${name}'`)
  const extensions = EnsembleExtensions.read(config, ensemble)
  const graph = new Graph()
  for (const [index, step] of ensemble.step.entries()) {
    const at = `step ${index} of ensemble '${name}'`
    if (step.model_name === "") yield invalid(`must specify 'model_name' in ${at}`)
    if (Object.keys(step.input_map).length === 0) yield invalid(`must specify 'input_map' in ${at}`)
    if (Object.keys(step.output_map).length === 0) yield invalid(`must specify 'output_map' in ${at}`)
    const said = Result.isSuccess(extensions) ? extensions.success[index]! : EnsembleExtensions.none
    yield* graph.add(step, said, `ensemble '${name}' step ${index}`)
  }
  if (Result.isFailure(extensions)) yield invalid(extensions.failure)
  const loose = () => LooseTensors.find(config, ensemble, Result.getOrElse(extensions, () => []))
  for (const { name: input } of config.input) {
    const node = graph.nodes.get(input)
    if (node !== undefined) graph.supply(node)
    else yield invalid(`ensemble input '${input}' for ensemble ${name}' is not used${loose().ofInput(input)}`)
  }
  const way = (tensor: string): string => {
    const said = Result.getOrElse(extensions, () => [])
    const path = TensorPath.to(ensemble.step, tensor, (read) => graph.nodes.get(read)?.ready === false, said)
    return path.length === 1 ? "" : `\n${TensorPath.draw(path)}`
  }
  const outputs = new Set<Node>()
  for (const output of config.output) {
    const node = graph.nodes.get(output.name)
    if (node === undefined) {
      const hint = loose().ofOutput(output.name)
      yield invalid(`ensemble output '${output.name}' for ensemble ${name}' is not used${hint}`)
    } else {
      outputs.add(node)
      if (!node.ready) {
        const source = unconnected(node)
        const why = source === node
          ? source.written ? ", because its step waits for what it writes itself" : ""
          : `: at least one of its depending tensors, '${source.name}', is not connected` +
            (source.written ? ", because the steps wait for each other" : loose().ofRead(source.name))
        yield invalid(`output '${output.name}' for ensemble '${name}' is not written${why}${way(output.name)}`)
      }
    }
  }
  for (const node of graph.nodes.values()) {
    if (!outputs.has(node) && (!node.ready || node.readers.length === 0)) {
      yield invalid(`ensemble tensor '${node.name}' is unused in ensemble '${name}'${way(node.name)}`)
    }
  }
}
