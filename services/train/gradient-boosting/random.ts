/** 32 well mixed bits of two whole numbers: the finaliser of MurmurHash3. The same on every thread and machine. */
export function mix(value: number, salt: number): number {
  let bits = value ^ Math.imul(salt, 0x9e3779b1)
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

/** Uses of the one seed; each gets bits of its own. */
export const SALT = { binning: 1, rows: 2, columns: 3, gradients: 4, weights: 5 } as const

/** `count` of the numbers 0 … size − 1, ascending, each set equally likely. */
export function sampleWithout({
  size,
  count,
  salt,
}: {
  size: number
  count: number
  salt: number
}): Uint32Array<ArrayBuffer> {
  const chosen = new Uint32Array(count)
  let taken = 0
  for (let place = 0; place < size && taken < count; place += 1) {
    const chance = ((count - taken) / (size - place)) * 2 ** 32
    if (mix(place, salt) < chance) {
      chosen[taken] = place
      taken += 1
    }
  }
  return chosen
}
