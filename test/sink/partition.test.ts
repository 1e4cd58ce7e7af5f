import { expect, test } from 'vitest'
import { BIN_MS } from '../../services/domain/bin.ts'
import type { DecodedRecord } from '../../services/platform/event-log/consume.ts'
import { type Part, Partition, resumeOffset } from '../../services/sink/partition.ts'
import { pollOf } from './observations.ts'

const START = Date.UTC(2024, 10, 5)

/** Records of one partition, numbered in the order in which they are added. */
class Records {
  readonly all: DecodedRecord[] = []

  poll(system: string, minute: number, { ended = true } = {}): this {
    const ts = START + minute * 60_000
    const { observations, record } = pollOf({ ts, fetched: ts + 4_000, seed: minute % 4, stations: 2 })
    for (const observation of observations) {
      this.#add({ name: 'StationObservation', value: { ...observation, system } })
    }
    if (ended) this.#add({ name: 'PollRecord', value: { ...record, system } })
    return this
  }

  failed(system: string, minute: number): this {
    const ts = START + minute * 60_000
    const { record } = pollOf({ ts, fetched: ts + 4_000, seed: 0, stations: 2 })
    this.#add({
      name: 'PollRecord',
      value: { ...record, system, poll_id: `failed-${minute}`, ts_utc: null, rows: 0, outcome: 'failed' },
    })
    return this
  }

  #add(decoded: DecodedRecord['decoded']): void {
    this.all.push({ record: { offset: this.all.length } as DecodedRecord['record'], decoded })
  }
}

function taken(records: Records): { partition: Partition; parts: Part[] } {
  const partition = new Partition({
    ledger: { version: 1, epoch: 1, position: 0, systems: {} },
    fresh: false,
  })
  const parts: Part[] = []
  records.all.forEach((record, offset) => {
    partition.take([record], offset + 1)
    for (const part of partition.due) {
      parts.push(part)
      partition.written(part)
    }
  })
  return { partition, parts }
}

const rowsOf = (parts: readonly Part[], system: string): string[] =>
  parts.flatMap((part) =>
    part.kind === 'bronze' && part.system === system
      ? part.rows.map(({ station_id, ts_utc }) => `${station_id} ${ts_utc}`)
      : [],
  )

test('a system that falls silent holds up its partition for two hours of polls of another at most', () => {
  const records = new Records().poll('silent', 0)
  for (let minute = 0; minute < 600; minute += 5) records.poll('busy', minute)
  const { partition, parts } = taken(records)
  const behind = records.all.length - resumeOffset(partition.progress())
  expect(behind).toBeLessThanOrEqual(24 * 3)
  expect(rowsOf(parts, 'silent')).toHaveLength(2)
})

test('a feed that fails for hours does not hold up its own partition', () => {
  const records = new Records().poll('silent', 0)
  for (let minute = 1; minute < 240; minute += 1) records.failed('silent', minute)
  const { partition, parts } = taken(records)
  expect(records.all.length - resumeOffset(partition.progress())).toBeLessThanOrEqual(60)
  expect(rowsOf(parts, 'silent')).toHaveLength(2)
})

test('a poll that was never ended is kept as far as it came, and holds nothing up', () => {
  const records = new Records().poll('cut', 0, { ended: false })
  for (let minute = 0; minute < 600; minute += 5) records.poll('busy', minute)
  const { partition, parts } = taken(records)
  expect(rowsOf(parts, 'cut')).toHaveLength(2)
  expect(records.all.length - resumeOffset(partition.progress())).toBeLessThanOrEqual(24 * 3)
})

test('a system that comes back to an open bin adds to it, and its bin closes with the watermark', () => {
  const records = new Records().poll('pausing', 0)
  for (let minute = 0; minute < 120; minute += 5) records.poll('busy', minute)
  records.poll('pausing', 2).poll('pausing', 6)
  const { partition, parts } = taken(records)
  const bins = parts.flatMap((part) =>
    part.kind === 'bronze' && part.system === 'pausing' ? [part.bin] : [],
  )
  expect(bins).toEqual([START, START])
  expect(new Set(rowsOf(parts, 'pausing')).size).toBe(4)
  expect(partition.progress().systems.pausing?.closed_through).toBe(START + BIN_MS)
})

test('while others poll no more often than it does, a system makes one part a bin', () => {
  const records = new Records()
  for (let minute = 0; minute < 240; minute += 1) records.poll('one', minute).poll('other', minute)
  const { parts } = taken(records)
  for (const system of ['one', 'other']) {
    const bins = parts.flatMap((part) => (part.kind === 'bronze' && part.system === system ? [part.bin] : []))
    expect(new Set(bins).size).toBe(bins.length)
    expect(parts.filter((part) => part.kind === 'polls' && part.system === system)).toHaveLength(3)
  }
})

test('at the end of the input the last bin is closed, also of a system whose rows were written before', () => {
  const records = new Records().poll('silent', 2)
  for (let minute = 0; minute < 120; minute += 5) records.poll('busy', minute)
  const { partition } = taken(records)
  partition.sealAll()
  for (const part of partition.due) partition.written(part)
  expect(partition.progress().systems.silent?.closed_through).toBe(START + BIN_MS)
  expect(partition.progress().systems.busy?.closed_through).toBe(START + 24 * BIN_MS)
})
