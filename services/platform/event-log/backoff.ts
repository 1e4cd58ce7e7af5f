/** Short enough that a broker's hiccup is not noticed in a forecast that is due every minute. */
const FIRST_MS = 100
/** Long enough not to hammer what is down, short enough that recovery is noticed within a poll's interval. */
const LONGEST_MS = 10_000

/** Milliseconds to wait before redelivery number `failures` (1 is the first): doubling from 100 ms up to 10 s. */
export function backoffMs(failures: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 16))
}
