/** Checks of the states that the sequence batcher keeps. Texts are Triton's where Triton has any. */
import * as BatchAxis from "../../../../schema/BatchAxis.ts"
import { fromConfigName } from "../../../../schema/DataType.ts"
import type { ModelConfig, SequenceBatching } from "../../../../schema/ModelConfig.ts"
import type { Checked, ConfigFault } from "./ConfigFault.ts"
import { firstFault, invalid } from "./ConfigFault.ts"

type State = SequenceBatching["state"][number]

/** Triton's own checks. */
function* stateFaults(config: ModelConfig): Generator<ConfigFault> {
  const seen = new Set<string>()
  for (const state of config.sequence_batching?.state ?? []) {
    const name = state.input_name
    if (state.initial_state.length > 1) {
      yield invalid(
        `initial_state field for state input '${name}' must contain exactly one or zero element. Found ` +
          `'${state.initial_state.length}' elements.`
      )
    }
    const initial = state.initial_state[0]
    if (initial !== undefined) {
      if (initial.data_type !== state.data_type) {
        yield invalid(
          `The data type used for 'initial_state' field of state '${name}' does not match the state data type.`
        )
      }
      if (initial.name === "") {
        yield invalid(`Field 'name' must be set when using initial_state for state input '${name}'.`)
      }
    }
    if (seen.has(name)) yield invalid(`State input name '${name}' specified more than once.`)
    seen.add(name)
    if (initial !== undefined) yield* initialStateFaults(state, initial)
    if (state.use_growable_memory) yield* growableFaults(config, state)
  }
}

function* growableFaults(config: ModelConfig, state: State): Generator<ConfigFault> {
  const name = state.input_name
  if (!state.use_same_buffer_for_input_output) {
    yield invalid(
      "In order to 'use_growable_memory', you must also enable 'use_single_buffer' for state input name " +
        `'${name}'.`
    )
  }
  if (config.instance_group.some(({ kind }) => kind !== "KIND_GPU")) {
    yield invalid(
      "'use_growable_memory' can only work with KIND_GPU model instances right now. Please either change the instance type to " +
        `KIND_GPU or set 'use_growable_memory' to false for state input '${name}'.`
    )
  }
  yield {
    code: "UNSUPPORTED",
    message:
      `model '${config.name}' asks for 'use_growable_memory' of state input '${name}', memory that grows in place, which ` +
      "this release does not have: set it to false, a state with dims of -1 grows without it"
  }
}

function* initialStateFaults(state: State, initial: State["initial_state"][number]): Generator<ConfigFault> {
  const name = state.input_name
  if (initial.dims.length !== state.dims.length) {
    yield invalid(
      "Number of dimensions in 'initial_state' doesn't match the size of 'state' dimensions for state input " +
        `'${name}'. ${initial.dims.length} != ${state.dims.length}`
    )
  }
  for (const [index, size] of initial.dims.entries()) {
    if (size < 0) {
      yield invalid(`'initial_state' field for state input name '${name}' contains variable dimensions.`)
    }
    const declared = state.dims[index]
    if (declared !== -1 && declared !== size) {
      yield invalid(
        `'initial_state' dim for input name '${name}' doesn't match 'state' dim description. ${size} != ${declared}`
      )
    }
  }
  if (initial.zero_data === undefined && initial.data_file === undefined) {
    yield invalid(`initial_state setting expects state'${name}' to have state_data set`)
  }
}

/** What Triton finds out when the first sequence begins, or never. */
function* tensorFaults(config: ModelConfig): Generator<ConfigFault> {
  const outputs = new Set<string>()
  for (const state of config.sequence_batching?.state ?? []) {
    const { data_type: type, dims, input_name: input, output_name: output } = state
    const subject = `state '${input}' of model '${config.name}'`
    if (input === "" || output === "") {
      yield invalid(
        `a state of model '${config.name}' must have an 'input_name' and an 'output_name', got '${input}' and '${output}'`
      )
    }
    if (outputs.has(output)) yield invalid(`State output name '${output}' specified more than once.`)
    outputs.add(output)
    if (fromConfigName(String(type)) === undefined) yield invalid(`${subject} must specify 'data_type', got ${type}`)
    if (dims.some((size) => size < -1)) {
      yield invalid(`${subject} has the dims [${dims.join(",")}], expected -1 or a size in each`)
    }
    if (config.input.some(({ name }) => name === input)) {
      yield invalid(`${subject} is listed in 'input' too, which is for what clients send: the server feeds states`)
    }
    for (const tensor of [input, output]) {
      if (config.max_batch_size > 0 && BatchAxis.isShared(config, tensor)) {
        yield invalid(
          `parameter '${BatchAxis.sharedPrefix}${tensor}' declares a tensor of ${subject} shared by the whole batch, and a state ` +
            "belongs to one sequence: remove the parameter"
        )
      }
    }
    const [from, to] = [BatchAxis.of(config, input), BatchAxis.of(config, output)]
    if (from !== to) {
      yield invalid(
        `${subject} carries the batch in dimension ${from} of '${input}' and in dimension ${to} of '${output}', expected the same: ` +
          `set the parameters '${BatchAxis.dimensionPrefix}${input}' and '${BatchAxis.dimensionPrefix}${output}' both`
      )
    }
  }
}

/** Checks the states of a sequence batcher, groups normalised: stage 14. Errors: INVALID_ARG, UNSUPPORTED. @category guards */
export const validateStates = (config: ModelConfig): Checked =>
  firstFault((function*() {
    yield* stateFaults(config)
    yield* tensorFaults(config)
  })())
