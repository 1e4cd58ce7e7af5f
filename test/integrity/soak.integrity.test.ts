/**
 * Guards against what only time shows: a service that falls behind for good after a burst, or ends on the way. How its
 * memory goes over an hour is for `npm run soak`; a minute says nothing of it.
 */
import { expect, test } from 'vitest'
import { soak } from '../soak/soak.ts'
import { FULL } from './tier.ts'

test(
  'a feed at sixty times its pace, held back and then all at once, is caught up with, and no service ends',
  async () => {
    const report = await soak({ minutes: FULL ? 5 : 0.75, speed: 60, burstSeconds: 30, holdSeconds: 10 })
    expect(report.ended).toEqual([])
    expect(report.records).toBeGreaterThan(20_000)
    expect(report.caughtUpAfter).not.toBeNull()
    expect(Object.values(report.memory).every(({ most }) => most > 0)).toBe(true)
  },
  FULL ? 900_000 : 400_000,
)
