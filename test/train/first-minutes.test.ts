import { expect, test } from 'vitest'
import { trainingSizes } from '../../services/train/first-minutes.ts'

const configured = { max_rows: 1_000_000, rounds: 400 }

test('only the run of the first minutes is smaller, and never larger than what is configured', () => {
  for (const trigger of ['schedule', 'api', 'command', 'drift', 'decay']) {
    expect(trainingSizes(configured, trigger)).toEqual(configured)
  }
  const first = trainingSizes(configured, 'first_minutes')
  expect(first.max_rows).toBeLessThan(configured.max_rows)
  expect(first.rounds).toBeLessThan(configured.rounds)
  expect(first.boosting).toBeDefined()
  expect(trainingSizes({ max_rows: 2000, rounds: 9 }, 'first_minutes')).toMatchObject({
    max_rows: 2000,
    rounds: 9,
  })
})
