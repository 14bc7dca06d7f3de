/** The client over Effect RPC for programs without Effect: promises, and streams as async iterables. */
import { Context, Effect, Layer, ManagedRuntime, Stream } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"
import type { InferOptions, StreamingClient } from "./InferenceClient.ts"
import type { InferenceServerError } from "./InferenceServerError.ts"
import { promises } from "./internal/effect/Promises.ts"
import type { AnyModels } from "./Models.ts"
import { layerProtocolHttp, make, type Options, type RpcInferenceClient } from "./RpcClient.ts"

/** @category models */
export interface RpcOptions<Models extends AnyModels = AnyModels> extends Omit<Options<Models>, "timeout"> {
  /** Milliseconds that a call may take, unless it says so itself. Default: no limit. */
  readonly timeoutMillis?: number | undefined
}

/** The one client of a runtime. */
class Connected extends Context.Service<Connected, RpcInferenceClient>()("galatea/client/RpcPromiseClient/Connected") {}

/** A request of a stream, whatever its model. */
interface Given {
  readonly inputs: Readonly<Record<string, unknown>>
  readonly options?: InferOptions
}

/**
 * A client of the server at an address such as `http://localhost:8000`, over its `/rpc`. Nothing is sent before the first call.
 *
 * Its streams send a request when the answers to the one before have come.
 *
 * @category constructors
 */
export const connectRpc = <const Models extends AnyModels = AnyModels>(
  url: string | URL,
  options: RpcOptions<Models> = {}
): StreamingClient<Models> => {
  const { timeoutMillis, ...others } = options
  // Spans of its own would lead nowhere, and a server must not take its calls for parts of a trace.
  const protocol = layerProtocolHttp(url).pipe(
    Layer.provide(FetchHttpClient.layer),
    Layer.provide(Layer.succeed(HttpClient.TracerPropagationEnabled, false))
  )
  const client = make({ ...others, timeout: timeoutMillis } as Options, { disableTracing: true })
  const runtime = ManagedRuntime.make(Layer.effect(Connected, client).pipe(Layer.provide(protocol)))
  // Which models it knows is said by the types of this function; the service is of any.
  const calls = promises(Effect.map(Connected, (one) => one as RpcInferenceClient<Models>), runtime)
  async function* stream(
    model: string,
    requests: Iterable<Given> | AsyncIterable<Given>,
    { bytesAs, onError, signal, timeoutMillis: own, ...call }: Parameters<StreamingClient["stream"]>[2] & {}
  ) {
    const context = await runtime.context()
    const { stream } = Context.get(context, Connected)
    for await (const { inputs, options: given = {} } of requests) {
      signal?.throwIfAborted()
      const answers = stream(model, inputs as Parameters<typeof stream>[1], {
        ...given,
        outputs: given.outputs as ReadonlyArray<string> | undefined,
        ...call,
        bytesAs,
        timeout: own ?? timeoutMillis
      }).pipe(
        Stream.catch((error: InferenceServerError) => {
          if (onError === undefined) return Stream.fail(error)
          onError(error)
          return Stream.empty
        }),
        abortedBy(signal)
      )
      // Which outputs there are follows from the types of the call.
      for await (const answer of Stream.toAsyncIterableWith(answers, context)) yield answer as never
    }
  }
  return {
    ...calls,
    stream: (model, requests, call = {}) => stream(model, requests as Iterable<Given>, call)
  }
}

const abortedBy = (signal: AbortSignal | undefined) => <A, E>(stream: Stream.Stream<A, E>): Stream.Stream<A, E> =>
  signal === undefined ? stream : Stream.interruptWhen(
    stream,
    Effect.callback<never>((resume) => {
      const abort = () => resume(Effect.die(signal.reason))
      if (signal.aborted) return abort()
      signal.addEventListener("abort", abort, { once: true })
      return Effect.sync(() => signal.removeEventListener("abort", abort))
    })
  )
