/**
 * Looks now and then whether the files of TLS are others, and gives the listener what they hold.
 *
 * Files are followed through symbolic links, so that a secret which Kubernetes swaps is seen. What cannot be used changes nothing.
 */
import { DateTime, Duration, Effect, type Scope } from "effect"
import { stat } from "node:fs/promises"
import type { ListenFailed } from "../../../../schema/Errors.ts"
import type { CertificateRegistry } from "../../../../services/Certificates.ts"
import * as TlsFiles from "./TlsFiles.ts"
import type { TlsMaterial } from "./TlsMaterial.ts"

/** @internal */
export interface Options {
  /** As the operator calls it: `HTTP`. */
  readonly service: string
  readonly paths: TlsFiles.TlsPaths
  /** Between two looks; `Infinity`: never. */
  readonly interval: Duration.Duration
  /** Where the certificate in use is told. */
  readonly registry: CertificateRegistry
}

/** Files in use, and where listeners can be told of others. @internal */
export interface Renewal {
  /** What the files held last. */
  readonly material: TlsMaterial
  /** Calls `use` whenever they hold something else, until the scope closes. It may throw, which is logged. */
  readonly watch: (use: (material: TlsMaterial) => void) => Effect.Effect<void, never, Scope.Scope>
}

/** What changes with a file: its place, its size and its time. */
const stampOf = (path: string): Effect.Effect<string> =>
  Effect.promise(() =>
    stat(path, { bigint: true }).then(
      ({ dev, ino, mtimeNs, size }) => `${dev} ${ino} ${size} ${mtimeNs}`,
      (error: NodeJS.ErrnoException) => `${error.code}`
    )
  )

const stampsOf = ({ certificate, clientRoots, key }: TlsFiles.TlsPaths): Effect.Effect<string> =>
  Effect.map(
    Effect.forEach([certificate, key, ...(clientRoots === undefined ? [] : [clientRoots])], stampOf),
    (stamps) => stamps.join("\n")
  )

/** Reads the files, and looks after them until the scope closes. Errors: those of `TlsFiles.load`. @internal */
export const make: (options: Options) => Effect.Effect<Renewal, ListenFailed, Scope.Scope> = Effect.fn("Renewal.make")(
  function*({ interval, paths, registry, service }: Options) {
    // Before the files: what changes while they are read is read again.
    let stamps = yield* stampsOf(paths)
    let material = yield* TlsFiles.load(service, paths)
    const users = new Set<(material: TlsMaterial) => void>()

    const look = Effect.gen(function*() {
      const now = yield* stampsOf(paths)
      if (now === stamps) return
      stamps = now
      const renewed = yield* TlsFiles.load(service, paths)
      if (isSame(renewed, material)) return
      yield* Effect.sync(() => {
        for (const use of users) use(renewed)
        material = renewed
        registry.set(service, renewed.expiresMillis)
      })
      yield* Effect.logInfo(
        `${service} uses the new certificate of ${renewed.subject}, valid until ${
          dateOf(renewed)
        }. Connections that are ` +
          "open go on with the old one."
      )
    }).pipe(
      Effect.catch(({ message }) =>
        Effect.logError(
          `${service} keeps its old certificate, because the new files of TLS cannot be used: ${
            message.replace(/^failed to start \w+ service: Invalid argument - /, "")
          }`
        )
      ),
      Effect.catchDefect((defect) =>
        Effect.logError(`${service} keeps its old certificate, because the new one was refused`, defect)
      )
    )

    registry.set(service, material.expiresMillis)
    yield* Effect.addFinalizer(() => Effect.sync(() => registry.delete(service)))
    yield* Effect.logInfo(`${service} uses the certificate of ${material.subject}, valid until ${dateOf(material)}.`)
    if (Number.isFinite(Duration.toMillis(interval))) {
      yield* Effect.forkScoped(Effect.forever(Effect.delay(look, interval)))
    }
    return {
      get material() {
        return material
      },
      watch: (use) =>
        Effect.acquireRelease(
          Effect.sync(() => users.add(use)),
          () => Effect.sync(() => users.delete(use))
        )
    }
  }
)

const isSame = (one: TlsMaterial, other: TlsMaterial): boolean =>
  one.cert === other.cert && one.key === other.key && one.rootCert === other.rootCert

const dateOf = ({ expiresMillis }: TlsMaterial): string => DateTime.formatIso(DateTime.makeUnsafe(expiresMillis))
