/** Random numbers that a seed repeats. */
export class Draws {
  private state: number

  constructor(seed: number) {
    this.state = (seed * 2_654_435_761 + 1) >>> 0 || 1
  }

  /** 32 random bits. */
  bits(): number {
    this.state ^= this.state << 13
    this.state ^= this.state >>> 17
    this.state ^= this.state << 5
    return this.state >>> 0
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    return this.bits() % end
  }

  /** Numbers that no other draw has in this order. */
  numbers(length: number): Int32Array {
    const numbers = new Int32Array(length)
    let value = this.bits() | 0
    for (let i = 0; i < length; i++) numbers[i] = value = (Math.imul(value, 1_664_525) + 1_013_904_223) | 0
    return numbers
  }
}
