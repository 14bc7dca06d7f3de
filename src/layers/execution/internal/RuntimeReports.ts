/**
 * What ONNX Runtime reports of its own accord.
 *
 * Outside Windows, from 1.29 on, it keeps an identifier of the machine and a database in the user's cache folder, opens a file in `/tmp`
 * for each process, and sends to its makers what models are opened and how long they take. It asks this variable once, when a process
 * first uses it.
 */

/** The variable, and what keeps the runtime to itself. @category constants */
export const declined: Readonly<Record<string, string>> = { ORT_DISABLE_TELEMETRY: "1" }

/** Has no runtime of this process, or of those that it starts, report anything, unless `environment` says something of it. @category constructors */
export const decline = (environment: NodeJS.ProcessEnv): void => {
  for (const [name, value] of Object.entries(declined)) environment[name] ??= value
}
