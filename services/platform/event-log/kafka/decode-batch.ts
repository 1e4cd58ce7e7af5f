/** A record of a batch. Keys and headers are UTF-8 text, of a repeated header the first. */
interface DecodedRecord {
  offset: number
  timestamp: number
  attributes: number
  key: string | null
  /** A view of the batch's bytes. */
  value: Buffer | null
  headers: Record<string, string>
}

/**
 * Reads the records of a batch of format 2 (its bytes after the count, uncompressed). Leading headers that a record
 * shares with the one before are compared as bytes and not read again: records of a poll share all but one.
 * Throws RangeError when the records do not end within their bytes.
 */
export function decodeRecords(options: {
  bytes: Buffer
  count: number
  firstOffset: number
  firstTimestamp: number
}): DecodedRecord[] {
  const { bytes, count, firstOffset, firstTimestamp } = options
  const reader = new RecordReader(bytes)
  const headers = new HeaderReader(reader)
  const records: DecodedRecord[] = []
  for (let index = 0; index < count; index += 1) {
    const length = reader.varint()
    const end = reader.at + length
    if (length < 0 || end > bytes.length)
      throw new RangeError(`record ${index} does not end within its batch`)
    const attributes = bytes[reader.at++]!
    const timestamp = firstTimestamp + reader.varint()
    const offset = firstOffset + reader.varint()
    records.push({
      offset,
      timestamp,
      attributes,
      key: reader.text(),
      value: reader.view(),
      headers: headers.read(),
    })
    if (reader.at !== end) throw new RangeError(`record ${index} does not end where its length says`)
  }
  return records
}

class RecordReader {
  readonly bytes: Buffer
  at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** Zigzag, of at most 10 bytes. */
  varint(): number {
    const { bytes } = this
    let byte = bytes[this.at++] ?? 0
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
    let value = byte & 0x7f
    for (let scale = 128; byte >= 0x80; scale *= 128) {
      byte = bytes[this.at++] ?? 0
      value += (byte & 0x7f) * scale
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  text(): string | null {
    const length = this.varint()
    if (length < 0) return null
    return this.bytes.toString('utf8', this.at, this.#pass(length))
  }

  view(): Buffer | null {
    const length = this.varint()
    if (length < 0) return null
    return this.bytes.subarray(this.at, this.#pass(length))
  }

  /** Where the field that begins here ends; goes there. */
  #pass(length: number): number {
    const end = this.at + length
    if (end > this.bytes.length) throw new RangeError('field does not end within its batch')
    this.at = end
    return end
  }
}

/** The headers of one record after the other. */
class HeaderReader {
  readonly #reader: RecordReader
  /** Of the record before. */
  readonly #names: string[] = []
  readonly #values: string[] = []
  /** How many of them it shared with the one before it, and the bytes of those. */
  #shared = 0
  #from = 0
  #to = 0

  constructor(reader: RecordReader) {
    this.#reader = reader
  }

  read(): Record<string, string> {
    const reader = this.#reader
    const names = this.#names
    const values = this.#values
    const count = reader.varint()
    const start = reader.at
    const kept = count >= this.#shared && this.#sharesBytes(start) ? this.#shared : 0
    const before = names.length
    let shared = kept
    let to = start + (this.#to - this.#from)
    let repeated = false
    if (kept > 0) reader.at = to
    for (let place = kept; place < count; place += 1) {
      const name = reader.text() ?? ''
      const value = reader.text() ?? ''
      const known = names.indexOf(name)
      repeated ||= known !== -1 && known < place
      if (place === shared && place < before && names[place] === name && values[place] === value) {
        shared += 1
        to = reader.at
      }
      names[place] = name
      values[place] = value
    }
    names.length = count
    values.length = count
    this.#shared = repeated ? 0 : shared
    this.#from = start
    this.#to = shared === 0 ? start : to
    const headers: Record<string, string> = {}
    for (let place = 0; place < count; place += 1) {
      const name = names[place]!
      if (repeated && Object.hasOwn(headers, name)) continue
      if (name === '__proto__') define(headers, name, values[place]!)
      else headers[name] = values[place]!
    }
    return headers
  }

  #sharesBytes(start: number): boolean {
    const { bytes } = this.#reader
    const end = start + this.#to - this.#from
    return (
      this.#shared > 0 && end <= bytes.length && bytes.compare(bytes, this.#from, this.#to, start, end) === 0
    )
  }
}

/** As an assignment, for the one name that an assignment does not take. */
function define(headers: Record<string, string>, name: string, value: string): void {
  Object.defineProperty(headers, name, { value, configurable: true, enumerable: true, writable: true })
}
