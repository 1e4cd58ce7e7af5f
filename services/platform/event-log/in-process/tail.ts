import type { LogRecord } from '../port.ts'

/** Bytes that are kept for readers that keep up: some 15 polls of 1,500 stations with their forecasts. */
const TAIL_BYTES = 64 * 1024 * 1024
/** What a record costs beside its value: key, headers, the object, and what it was decoded to. */
const RECORD_BYTES = 1_300

interface Run {
  records: LogRecord[]
  bytes: number
}

/**
 * The newest records of all partitions, as they were appended: consumers near the end are served from memory and read
 * no file. Memory: TAIL_BYTES and one publish. Records are shared by all readers and must not be changed.
 */
export class Tail {
  readonly #runs = new Map<number, Run[]>()
  readonly #order: number[] = []
  #bytes = 0

  /** Records of one partition, that follow those kept before. */
  append(partitionId: number, records: LogRecord[]): void {
    const bytes = records.reduce((sum, { value }) => sum + RECORD_BYTES + (value?.length ?? 0), 0)
    const runs = this.#runs.get(partitionId) ?? []
    this.#runs.set(partitionId, runs)
    runs.push({ records, bytes })
    this.#order.push(partitionId)
    this.#bytes += bytes
    while (this.#bytes > TAIL_BYTES && this.#order.length > 1) this.#forgetOldest(this.#order.shift()!)
  }

  /** As `Storage.read`; null when the first of them is not kept. */
  read(partitionId: number, offset: number, maxRecords: number, maxBytes: number): LogRecord[] | null {
    const runs = this.#runs.get(partitionId)
    const first = runs?.[0]?.records[0]?.offset
    if (runs === undefined || first === undefined || offset < first) return null
    const found: LogRecord[] = []
    let bytes = 0
    for (const { records } of runs) {
      if (records.at(-1)!.offset < offset) continue
      for (let at = Math.max(0, offset - records[0]!.offset); at < records.length; at += 1) {
        const record = records[at]!
        found.push(record)
        bytes += record.value?.length ?? 0
        if (found.length >= maxRecords || bytes >= maxBytes) return found
      }
    }
    return found
  }

  /** Forgets what a partition keeps: its records may have been deleted. */
  forget(partitionId: number): void {
    for (const run of this.#runs.get(partitionId) ?? []) this.#bytes -= run.bytes
    this.#runs.delete(partitionId)
    for (let at = this.#order.length - 1; at >= 0; at -= 1) {
      if (this.#order[at] === partitionId) this.#order.splice(at, 1)
    }
  }

  #forgetOldest(partitionId: number): void {
    const runs = this.#runs.get(partitionId)
    const oldest = runs?.shift()
    this.#bytes -= oldest?.bytes ?? 0
    if (runs?.length === 0) this.#runs.delete(partitionId)
  }
}
