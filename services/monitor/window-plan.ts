import { DAY_MS, floorHour, HOUR_MS } from '../domain/bin.ts'
import type { WindowSpan } from '../domain/health.ts'

/** Which hours a window and its reference are made of. All times epoch ms. */
export interface WindowPlan {
  window: WindowSpan
  /** The days before the window, whole. */
  reference: WindowSpan
  /** Reference hours to compare with, among those that have data. */
  comparable(hours: readonly number[]): number[]
}

const WEEK_MS = 7 * DAY_MS

/**
 * The window that ends at `end` (the end of a closed bin): `windowDays` times 24 hours, the last of them may be partial;
 * and the `referenceDays` before it. A window shorter than a week is compared with the same hours of the week only:
 * a weekend is no drift from the week before it.
 */
export function windowPlan({
  end,
  windowDays,
  referenceDays,
}: {
  end: number
  windowDays: number
  referenceDays: number
}): WindowPlan {
  const start = floorHour(end - 1) + HOUR_MS - windowDays * DAY_MS
  const hourOfWeek = (hour: number): number => ((hour % WEEK_MS) + WEEK_MS) % WEEK_MS
  const wanted = new Set<number>()
  for (let hour = start; hour < end; hour += HOUR_MS) wanted.add(hourOfWeek(hour))
  return {
    window: { start, end },
    reference: { start: start - referenceDays * DAY_MS, end: start },
    comparable: (hours) => hours.filter((hour) => wanted.has(hourOfWeek(hour))),
  }
}
