/** Which files a process of instances finds open. */
export const Descriptor = {
  /** The socket of the frames. */
  frames: 3,
  /** Where its heart beats. */
  heart: 4,
  /** Tensors of requests and of answers; nothing where the machine has no place for them. */
  requests: 5,
  answers: 6
} as const

/** At the front of the file of answers: how many runs the process has begun, a Float64. What follows is aligned. */
export const begunBytes = 64

/** Blocks that lie unread in a file, in bytes, before a process is given no more. */
export const maxUnread = 67_108_864
