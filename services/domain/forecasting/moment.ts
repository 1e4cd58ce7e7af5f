import { localDayName, localTime } from '../calendar.ts'
import { publicHolidays } from './holidays.ts'

/** Half-hours of a day: the resolution of profiles. */
export const DAY_SLOTS = 48

/** What the local calendar says of a bin. */
export interface Moment {
  /** 0..1439 */
  minuteOfDay: number
  /** 0 is Monday. */
  dayOfWeek: number
  holiday: boolean
  /** Saturday, Sunday or a holiday. */
  free: boolean
  /** 0..47 */
  slot: number
  /** The day of the week whose habits hold: a holiday is a Sunday. */
  habit: number
}

export function momentOf({ utc, timezone }: { utc: number; timezone: string }): Moment {
  const { hour, minute, dayOfWeek, year } = localTime({ utc, timezone })
  const holiday = publicHolidays({ timezone, year }).has(localDayName({ utc, timezone }))
  const minuteOfDay = hour * 60 + minute
  return {
    minuteOfDay,
    dayOfWeek,
    holiday,
    free: holiday || dayOfWeek >= 5,
    slot: Math.floor(minuteOfDay / 30),
    habit: holiday ? 6 : dayOfWeek,
  }
}
