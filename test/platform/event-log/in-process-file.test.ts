import { spawn } from 'node:child_process'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openInProcessLog } from '../../../services/platform/event-log/in-process.ts'
import type { LogRecord } from '../../../services/platform/event-log/port.ts'
import { instantClock } from './instant-clock.ts'

const CHILD = fileURLToPath(new URL('./publishing-child.ts', import.meta.url))

describe('the file of an in-process log', () => {
  let directory: string
  let file: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'velocast-log-'))
    file = join(directory, 'deep', 'log.sqlite')
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  test('holds every record that was acknowledged before a kill, and no other process may open it meanwhile', async () => {
    const child = spawn(process.execPath, [CHILD, file], { stdio: ['ignore', 'pipe', 'inherit'] })
    let printed = ''
    const lines = (): number[] => printed.split('\n').slice(0, -1).map(Number)
    const ended = new Promise((resolve) => child.once('exit', resolve))
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        printed += chunk.toString()
        if (lines().length >= 5) resolve()
      })
    })
    expect(() => openInProcessLog({ file, clock: instantClock() })).toThrowError(
      expect.objectContaining({
        code: 'log_unreachable',
        retryable: false,
        message: expect.stringMatching(/in use by another process.*log\.sqlite$/),
      }),
    )
    child.kill('SIGKILL')
    await ended

    const log = openInProcessLog({ file, clock: instantClock() })
    const [lag] = await log.lag('anyone', ['t'])
    expect(lag!.end).toBeGreaterThanOrEqual(lines().at(-1)!)
    expect(lag!.end % 100).toBe(0)
    const [next] = await log.publish('t', [{ partitionKey: 'a', key: 'a/next', value: null }])
    expect(next!.offset).toBe(lag!.end)
    await log.close()
  })

  test.each(['removed', 'replaced'])('that was %s takes no record: it would be lost', async (how) => {
    const log = openInProcessLog({ file, clock: instantClock() })
    const spec = { name: 't', partitions: 1, retentionMs: null, compacted: false, maxBytes: 1_000_000 }
    await log.ensureTopics([spec])
    await log.publish('t', [{ partitionKey: 'a', key: 'a/0', value: null }])
    await rm(directory, { recursive: true })
    if (how === 'replaced') {
      const other = openInProcessLog({ file, clock: instantClock() })
      await other.close()
    }
    await expect(log.publish('t', [{ partitionKey: 'a', key: 'a/1', value: null }])).rejects.toMatchObject({
      code: 'log_unreachable',
      retryable: false,
      message: expect.stringContaining(
        `removed or replaced while it was in use, start again and leave its directory alone: ${file}`,
      ),
    })
    await log.close()
  })

  test('forgets at its next opening what a transient reader that was killed had committed', async () => {
    const log = openInProcessLog({ file, clock: instantClock() })
    await log.ensureTopics([
      { name: 't', partitions: 1, retentionMs: null, compacted: false, maxBytes: 1_000_000 },
    ])
    await log.publish('t', [{ partitionKey: 'a', key: 'a/0', value: null }])
    const assigned = Promise.withResolvers<void>()
    const transient = {
      group: 'reader',
      transient: true,
      topics: ['t'],
      assigned: async () => assigned.resolve() as undefined,
    }
    await log.subscribe({ ...transient, batch: async () => {} })
    await assigned.promise
    const killed = join(directory, 'killed.sqlite')
    await copyFile(`${file}-wal`, `${killed}-wal`)
    await copyFile(file, killed)
    await log.close()
    const groups = (path: string): unknown[] => {
      const database = new DatabaseSync(path)
      const rows = database.prepare('SELECT group_name FROM group_offsets').all()
      database.close()
      return rows
    }
    expect(groups(file)).toEqual([])
    await openInProcessLog({ file: killed, clock: instantClock() }).close()
    expect(groups(killed)).toEqual([])
  })

  test('of an earlier version, with a row for each record, is taken over', async () => {
    const spec = { name: 't', partitions: 1, retentionMs: null, compacted: false, maxBytes: 1_000_000 }
    const earlier = openInProcessLog({ file, clock: instantClock() })
    await earlier.ensureTopics([spec])
    await earlier.close()
    const database = new DatabaseSync(file)
    const insert = database.prepare('INSERT INTO records VALUES (1, ?, ?, ?, ?, ?)')
    for (let offset = 5; offset < 15; offset += 1) {
      insert.run(offset, 1_000 + Math.floor(offset / 4), `a/${offset}`, Buffer.from([offset]), '{"h":"x"}')
    }
    database.exec('UPDATE partitions SET next_offset = 15, newest_appended = 1003')
    database.close()

    const log = openInProcessLog({ file, clock: instantClock() })
    await log.publish('t', [
      { partitionKey: 'a', key: 'a/15', value: Buffer.from([15]), headers: { h: 'x' } },
    ])
    const read = Promise.withResolvers<LogRecord[]>()
    const seen: LogRecord[] = []
    await log.subscribe({
      group: 'g',
      topics: ['t'],
      async batch({ records }) {
        seen.push(...records)
        if (seen.length >= 11) read.resolve(seen)
      },
    })
    const records = await read.promise
    expect(records.map(({ offset, key, value }) => [offset, key, value?.[0]])).toEqual(
      Array.from({ length: 11 }, (_, place) => [5 + place, `a/${5 + place}`, 5 + place]),
    )
    expect(records.every(({ headers }) => headers.h === 'x')).toBe(true)
    expect(await log.offsetsAt('t', 1_002)).toEqual([{ topic: 't', partition: 0, offset: 8 }])
    await log.close()
  })

  test('that is no log is refused by its name', async () => {
    const other = join(directory, 'other.sqlite')
    await writeFile(other, 'this is not a database, but it is long enough to be looked at as if it were one')
    expect(() => openInProcessLog({ file: other, clock: instantClock() })).toThrowError(
      expect.objectContaining({ code: 'log_unreachable', message: expect.stringContaining(other) }),
    )
  })
})
