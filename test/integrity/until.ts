import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_MS = 250

/** Waits until something is so, however slow the machine: the limit is far above what it takes. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  limitMs = 240_000,
): Promise<void> {
  const end = performance.now() + limitMs
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`waited ${limitMs / 1000} s in vain until ${what}`)
    await sleep(LOOK_MS)
  }
}
