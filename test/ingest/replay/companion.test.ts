import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Companion } from '../../../services/ingest/replay/companion.ts'

test('says what the newest file not later than the poll says; before the first, the first or nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.integer({ min: 0, max: 100 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 0, max: 110 }), { maxLength: 20 }),
      fc.constantFrom('first' as const, 'nothing' as const),
      async (times, asked, before) => {
        const files = times.map((time) => ({ file: time, time }))
        const companion = new Companion({ files, before, load: async (file: number) => ({ file }) })
        for (const time of asked.toSorted((a, b) => a - b)) {
          const earlier = times.filter((candidate) => candidate <= time)
          const fallback = before === 'first' && times.length > 0 ? { file: Math.min(...times) } : null
          const expected = earlier.length > 0 ? { file: Math.max(...earlier) } : fallback
          expect(await companion.at(time)).toEqual(expected)
        }
      },
    ),
  )
})

test('a file that says nothing leaves what was known, and is read once', async () => {
  const read: string[] = []
  const companion = new Companion({
    files: [
      { file: 'good', time: 0 },
      { file: 'broken', time: 10 },
    ],
    before: 'nothing',
    load: async (file: string) => {
      read.push(file)
      return file === 'broken' ? null : { file }
    },
  })
  const known = await companion.at(5)
  expect(await companion.at(10)).toBe(known)
  expect(await companion.at(20)).toBe(known)
  expect(read).toEqual(['good', 'broken'])
})
