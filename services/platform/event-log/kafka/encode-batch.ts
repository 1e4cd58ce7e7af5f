import type { OutgoingRecord } from '../port.ts'
import { crc32c } from './crc32c.ts'

/** Bytes before a batch's records: base offset, length, leader epoch, magic, checksum, then what the checksum covers. */
export const HEAD_BYTES = 61
const CHECKED_FROM = 21
const MAGIC = 2
/** Most that a varint of 32 bits takes. */
const VARINT_BYTES = 5
/** Most bytes of UTF-8 for a unit of UTF-16. */
const UTF8_BYTES = 3
/** Texts of fewer units have a length that fits into one byte, whatever they hold. */
const SHORT_UNITS = Math.floor(63 / UTF8_BYTES)

/** Where records are put together: grows to the largest batch so far (max.message.bytes of a topic) and stays. */
let scratch = Buffer.allocUnsafeSlow(1024 * 1024)

type Content = Pick<OutgoingRecord, 'key' | 'value' | 'headers'>

/**
 * A record batch of format 2, uncompressed, without producer id: what kafkajs makes of the same records, byte for byte.
 * Headers that stand first and equal those of the record before are copied from it: records of a poll share all but one.
 */
export function encodeBatch(records: readonly Content[], now: number): Buffer {
  let at = HEAD_BYTES
  /** Headers of the record before, and where each began; the last entry is where the last ended. */
  let names: string[] = []
  let values: string[] = []
  let starts: number[] = []
  for (const [index, { key, value, headers = {} }] of records.entries()) {
    reserve(at, roomFor(key, value, headers))
    // Two bytes for the length hold records from 64 to 8,191 bytes; others are moved.
    const body = at + 2
    let to = body
    scratch[to++] = 0
    scratch[to++] = 0
    to = writeVarint(to, index)
    to = writeText(to, key)
    if (value === null) to = writeVarint(to, -1)
    else {
      to = writeVarint(to, value.length)
      scratch.set(value, to)
      to += value.length
    }
    const own = Object.keys(headers)
    to = writeVarint(to, own.length)
    let shared = 0
    while (shared < own.length && own[shared] === names[shared] && headers[own[shared]!] === values[shared]) {
      shared += 1
    }
    const moved = to - (starts[0] ?? to)
    if (shared > 0) {
      scratch.copyWithin(to, starts[0]!, starts[shared]!)
      to += starts[shared]! - starts[0]!
    }
    const nextValues = new Array<string>(own.length)
    const nextStarts = new Array<number>(own.length + 1)
    for (let place = 0; place < own.length; place += 1) {
      const name = own[place]!
      const text = headers[name]!
      nextValues[place] = text
      if (place < shared) {
        nextStarts[place] = starts[place]! + moved
        continue
      }
      nextStarts[place] = to
      to = writeText(writeText(to, name), text)
    }
    nextStarts[own.length] = to
    const length = to - body
    const lengthBytes = varintBytes(length)
    const shift = lengthBytes - 2
    if (shift !== 0) scratch.copyWithin(body + shift, body, to)
    writeVarint(at, length)
    at = to + shift
    names = own
    values = nextValues
    starts = shift === 0 ? nextStarts : nextStarts.map((start) => start + shift)
  }
  writeHead(at, records.length, now)
  return Buffer.from(scratch.subarray(0, at))
}

function writeHead(end: number, records: number, now: number): void {
  scratch.fill(0, 0, 8)
  scratch.writeInt32BE(end - 12, 8)
  scratch.writeInt32BE(0, 12)
  scratch.writeInt8(MAGIC, 16)
  scratch.writeInt16BE(0, CHECKED_FROM)
  scratch.writeInt32BE(records - 1, 23)
  scratch.writeBigInt64BE(BigInt(now), 27)
  scratch.writeBigInt64BE(BigInt(now), 35)
  scratch.writeBigInt64BE(-1n, 43)
  scratch.writeInt16BE(0, 51)
  scratch.writeInt32BE(0, 53)
  scratch.writeInt32BE(records, 57)
  scratch.writeUInt32BE(crc32c(scratch, CHECKED_FROM, end), 17)
}

/** More bytes than the record takes. */
function roomFor(key: string, value: Buffer | null, headers: Record<string, string>): number {
  let room = 6 * VARINT_BYTES + key.length * UTF8_BYTES + (value?.length ?? 0)
  for (const name in headers) {
    room += 2 * VARINT_BYTES + (name.length + headers[name]!.length) * UTF8_BYTES
  }
  return room
}

function reserve(at: number, room: number): void {
  if (at + room <= scratch.length) return
  const larger = Buffer.allocUnsafeSlow(Math.max(scratch.length * 2, at + room))
  scratch.copy(larger, 0, 0, at)
  scratch = larger
}

function writeText(at: number, text: string): number {
  if (text.length <= SHORT_UNITS) {
    const bytes = scratch.write(text, at + 1)
    scratch[at] = bytes << 1
    return at + 1 + bytes
  }
  const to = writeVarint(at, Buffer.byteLength(text))
  return to + scratch.write(text, to)
}

/** Zigzag, as all varints of a record are. */
function writeVarint(at: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  let to = at
  while (rest > 0x7f) {
    scratch[to++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  scratch[to++] = rest
  return to
}

function varintBytes(value: number): number {
  const bits = 32 - Math.clz32(((value << 1) ^ (value >> 31)) >>> 0)
  return Math.max(1, Math.ceil(bits / 7))
}
