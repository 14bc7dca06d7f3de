/** Repositories on disk that live as long as a test. */
import { NodeFileSystem, NodePath } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import * as RepositorySources from "../../src/layers/repository/RepositorySources.ts"

/** What the repository needs of the platform. */
export const platform = RepositorySources.layer.pipe(
  Layer.provideMerge(Layer.merge(NodeFileSystem.layer, NodePath.layer))
)

/** What `platform` gives. */
export type Platform = Layer.Success<typeof platform>

/** Files by their path: text, bytes, a directory (`null`), or a symbolic link. */
export type Tree = Readonly<Record<string, string | Uint8Array | null | { readonly link: string }>>

/** Writes a tree below an existing directory. */
export const write = (root: string, tree: Tree) =>
  Effect.promise(async () => {
    for (const [path, content] of Object.entries(tree)) {
      const target = join(root, path)
      await mkdir(content === null ? target : dirname(target), { recursive: true })
      if (content === null) continue
      if (typeof content === "object" && "link" in content) await symlink(content.link, target)
      else await writeFile(target, content)
    }
  })

/** A new directory with these files; the scope removes it. */
export const make = (tree: Tree) =>
  Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "repository-"))),
    (root) => Effect.promise(() => rm(root, { recursive: true, force: true }))
  ).pipe(Effect.tap((root) => write(root, tree)))
