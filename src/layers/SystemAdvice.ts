/** What helps where the operating system refuses something. */

const advice: Readonly<Record<string, string>> = {
  EMFILE: "the server has as many files open as it may; raise its limit (ulimit -n)",
  ENFILE: "the machine has as many files open as it can; raise its limit (sysctl fs.file-max)",
  EAGAIN:
    "there are as many processes and threads as there may be; raise the limit (ulimit -u, or pids of the container)",
  ENOMEM: "there is not enough memory",
  EACCES: "the user that runs the server has no right to it; change its rights, or its owner",
  EPERM: "the user that runs the server has no right to it; change its rights, or its owner"
}

/** What to do about an error of this code, such as `EMFILE`. `undefined`: nothing is known. @category getters */
export const of = (code: string | undefined): string | undefined =>
  code !== undefined && Object.hasOwn(advice, code) ? advice[code] : undefined
