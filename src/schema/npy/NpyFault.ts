/** What is wrong with a `.npy` file. */

/** `message` is the end of a sentence that begins with the name of the file. @category errors */
export class NpyFault extends Error {}
