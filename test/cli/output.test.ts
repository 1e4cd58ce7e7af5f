import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { logProgress } from '../../services/cli/output.ts'

test('progress in a log is a line each half minute, and none for work that is done before', () => {
  const stderr = new PassThrough()
  let now = 0
  const progress = logProgress('backtest', { stderr, now: () => now })
  for (now = 0; now < 95_000; now += 10_000) progress.update(now, 100_000, `fold ${now / 10_000}`)
  progress.stop()
  expect(String(stderr.read())).toBe(
    'backtest: 30 %, fold 3\nbacktest: 60 %, fold 6\nbacktest: 90 %, fold 9\n',
  )
})
