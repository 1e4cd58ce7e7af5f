/** Seeded source of numbers (sfc32, 32-bit arithmetic only): the same on every machine, 2^-32 apart. */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(...seeds: number[]) {
    this.#a = hash(0x9e3779b9, ...seeds)
    this.#b = hash(0x243f6a88, ...seeds)
    this.#c = hash(0xb7e15162, ...seeds)
    for (let round = 0; round < 12; round++) this.bits()
  }

  /** 32 random bits as an unsigned number. */
  bits(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    this.#c |= 0
    return sum >>> 0
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return this.bits() / 4_294_967_296
  }

  /** Whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.uniform() * below)
  }

  /** Standard normal (Box and Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
    return radius * Math.cos(2 * Math.PI * this.uniform())
  }

  /** Poisson with this mean: Knuth's product below 30, rounded normal above (skew is then under 0.2). */
  poisson(mean: number): number {
    if (mean <= 0) return 0
    if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.normal()))
    const limit = Math.exp(-mean)
    let product = this.uniform()
    let count = 0
    while (product > limit) {
      product *= this.uniform()
      count += 1
    }
    return count
  }
}

/** 32-bit hash of whole numbers (each as two 32-bit halves), MurmurHash3's mixing. */
export function hash(...values: number[]): number {
  let state = 0x1b873593
  for (const value of values) {
    state = mix(state ^ (value | 0))
    state = mix(state + Math.floor(value / 4_294_967_296))
  }
  return state >>> 0
}

function mix(value: number): number {
  let mixed = value | 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) + 0x7f4a7c15
}

/** Uniform in [0, 1) for whole numbers: a value that needs no state. */
export function hashUniform(...values: number[]): number {
  return hash(...values) / 4_294_967_296
}

/** Smooth noise in [0, 1] along a line: hashed values at whole positions, cosine between them. */
export function smoothNoise({ seed, position }: { seed: number; position: number }): number {
  const left = Math.floor(position)
  const share = (1 - Math.cos((position - left) * Math.PI)) / 2
  return hashUniform(seed, left) * (1 - share) + hashUniform(seed, left + 1) * share
}

/** Draws indices in proportion to weights in constant time (Vose's alias method). */
export class WeightedDraw {
  readonly #threshold: Float64Array
  readonly #alias: Uint32Array

  constructor(weights: Float64Array) {
    const count = weights.length
    this.#threshold = new Float64Array(count)
    this.#alias = new Uint32Array(count)
    let total = 0
    for (const weight of weights) total += weight
    const scaled = weights.map((weight) => (weight * count) / total)
    const small: number[] = []
    const large: number[] = []
    for (let index = 0; index < count; index++) (scaled[index]! < 1 ? small : large).push(index)
    while (small.length > 0 && large.length > 0) {
      const low = small.pop()!
      const high = large.pop()!
      this.#threshold[low] = scaled[low]!
      this.#alias[low] = high
      scaled[high] = scaled[high]! + scaled[low]! - 1
      ;(scaled[high]! < 1 ? small : large).push(high)
    }
    for (const index of [...small, ...large]) this.#threshold[index] = 1
  }

  draw(random: Random): number {
    const position = random.uniform() * this.#threshold.length
    const index = Math.floor(position)
    return position - index < this.#threshold[index]! ? index : this.#alias[index]!
  }
}
