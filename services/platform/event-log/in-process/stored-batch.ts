import type { LogRecord, TopicPartition } from '../port.ts'

/** What is kept of a record beside its place. */
export type Content = Pick<LogRecord, 'key' | 'value'> & { headers?: Record<string, string> }

/** Most records and bytes of values in a batch: what a reader of one of its records must unpack. */
const BATCH_RECORDS = 2_000
const BATCH_BYTES = 4 * 1024 * 1024

/** Records that follow one another, as one row of the file. */
export interface StoredBatch {
  count: number
  /** JSON: `keys`, `sizes` of the values (-1: null), `names` of the headers, and of each name one text, or one a record. */
  meta: string
  /** The values, one after the other. */
  body: Buffer
}

interface Meta {
  keys: (string | null)[]
  sizes: number[]
  names: string[]
  headers: (string | string[])[]
}

/** Packs records, in order. A batch holds records with the same header names; texts that all share are kept once. */
export function packBatches(records: readonly Content[]): StoredBatch[] {
  const batches: StoredBatch[] = []
  for (let from = 0; from < records.length; ) {
    const names = namesOf(records[from]!)
    let bytes = records[from]!.value?.length ?? 0
    let to = from + 1
    while (to < records.length && to - from < BATCH_RECORDS && hasNames(records[to]!, names)) {
      bytes += records[to]!.value?.length ?? 0
      if (bytes > BATCH_BYTES) break
      to += 1
    }
    batches.push(pack(records.slice(from, to), names))
    from = to
  }
  return batches
}

function pack(records: readonly Content[], names: string[]): StoredBatch {
  const meta: Meta = {
    keys: records.map(({ key }) => key),
    sizes: records.map(({ value }) => value?.length ?? -1),
    names,
    headers: names.map((name) => {
      const text = records[0]!.headers![name]!
      const same = records.every(({ headers }) => headers![name] === text)
      return same ? text : records.map(({ headers }) => headers![name]!)
    }),
  }
  const body = Buffer.concat(records.flatMap(({ value }) => value ?? []))
  return { count: records.length, meta: JSON.stringify(meta), body }
}

function namesOf({ headers = {} }: Content): string[] {
  return Object.keys(headers)
}

/** True when the record has these headers in this order. */
function hasNames({ headers = {} }: Content, names: readonly string[]): boolean {
  let place = 0
  for (const name in headers) if (names[place++] !== name) return false
  return place === names.length
}

/** The records of a batch from its `skip`th on; values are views of `body`. */
export function unpackBatch(options: {
  at: TopicPartition
  firstOffset: number
  appended: number
  meta: string
  body: Buffer
  skip: number
}): LogRecord[] {
  const { at, firstOffset, appended, body, skip } = options
  const { keys, sizes, names, headers } = JSON.parse(options.meta) as Meta
  const records: LogRecord[] = []
  let end = 0
  for (const [place, key] of keys.entries()) {
    const size = sizes[place]!
    const start = end
    end += Math.max(0, size)
    if (place < skip) continue
    const own = names.map((name, column) => {
      const texts = headers[column]!
      return [name, typeof texts === 'string' ? texts : texts[place]!]
    })
    records.push({
      ...at,
      offset: firstOffset + place,
      key,
      value: size < 0 ? null : body.subarray(start, end),
      headers: Object.fromEntries(own) as Record<string, string>,
      appended,
    })
  }
  return records
}
