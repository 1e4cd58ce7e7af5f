import { expect, test } from 'vitest'
import { startSchedule } from '../../../services/platform/schedule/schedule.ts'
import { ManualClock } from '../../ingest/manual-clock.ts'

const MINUTE = 60_000
const START = Date.UTC(2024, 10, 5, 10, 3)

async function pass(clock: ManualClock, minutes: number): Promise<void> {
  for (let minute = 0; minute < minutes; minute += 1) {
    await clock.settled()
    clock.advance(MINUTE)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('the task wakes at the times of the expression, in UTC', async () => {
  const clock = new ManualClock(START)
  const times: string[] = []
  const task = async (): Promise<void> => void times.push(new Date(clock.now()).toISOString().slice(11, 16))
  const schedule = startSchedule({ expression: '*/10 * * * *', clock, task, onError: () => undefined })
  await pass(clock, 30)
  await schedule.stop()
  expect(times).toEqual(['10:10', '10:20', '10:30'])
})

test('a task never overlaps itself: times that pass while it runs are left out', async () => {
  const clock = new ManualClock(START)
  let running = 0
  let runs = 0
  let finish = (): void => undefined
  const task = async (): Promise<void> => {
    running += 1
    runs += 1
    expect(running).toBe(1)
    await new Promise<void>((resolve) => {
      finish = resolve
    })
    running -= 1
  }
  const schedule = startSchedule({ expression: '*/10 * * * *', clock, task, onError: () => undefined })
  await pass(clock, 7)
  clock.advance(35 * MINUTE)
  await new Promise((resolve) => setImmediate(resolve))
  expect(runs).toBe(1)
  finish()
  await pass(clock, 5)
  expect(runs).toBe(2)
  const stopped = schedule.stop()
  finish()
  await stopped
})

test('a task that throws is told, and the next time comes all the same', async () => {
  const clock = new ManualClock(START)
  const errors: unknown[] = []
  const task = (): Promise<void> => Promise.reject(new Error(`at ${clock.now()}`))
  const schedule = startSchedule({
    expression: '*/10 * * * *',
    clock,
    task,
    onError: (error) => errors.push(error),
  })
  await pass(clock, 20)
  await schedule.stop()
  expect(errors).toHaveLength(2)
})

test('stopping aborts the running task and waits for it', async () => {
  const clock = new ManualClock(START)
  let ended = false
  const task = async (signal: AbortSignal): Promise<void> => {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    ended = true
  }
  const schedule = startSchedule({ expression: '*/10 * * * *', clock, task, onError: () => undefined })
  await pass(clock, 7)
  await schedule.stop()
  expect(ended).toBe(true)
})

test('an expression that is none is refused with what to do', () => {
  const schedule = (): unknown =>
    startSchedule({
      expression: 'every day',
      clock: new ManualClock(0),
      task: async () => undefined,
      onError: () => undefined,
    })
  expect(schedule).toThrow(
    expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining('every day') }),
  )
})
