import { readFileSync } from 'node:fs'

/** Resident memory of a process now (`VmRSS`) or at its most (`VmHWM`), MB; null when it has ended. */
export function processMb(pid: number, field: 'VmRSS' | 'VmHWM'): number | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const found = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)
    return found === null ? null : Number(found[1]) / 1_024
  } catch {
    return null
  }
}
