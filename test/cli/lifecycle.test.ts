import { EventEmitter } from 'node:events'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { everythingHandled, runServices } from '../../services/cli/lifecycle.ts'
import { systemClock } from '../../services/platform/clock.ts'
import type { Service } from '../../services/platform/service.ts'

const logger = pino({ level: 'silent' })
const NEVER: Promise<never> = new Promise(() => {})

/** A service that writes down what is done to it, and can fail where it is told to. */
function service(
  name: string,
  diary: string[],
  fails: { at?: string } = {},
): Service & { fail(error: unknown): void } {
  let failed: (error: unknown) => void = () => {}
  const note = async (what: string): Promise<void> => {
    diary.push(`${what} ${name}`)
    if (fails.at === what) throw new Error(`${name} can't ${what}`)
  }
  return {
    name,
    start: () => note('start'),
    caughtUp: async () => true,
    finish: () => note('finish'),
    drain: () => note('drain'),
    close: () => note('close'),
    health: () => [],
    onFailure: (callback) => {
      failed = callback
    },
    fail: (error) => failed(error),
  }
}

test('services start in order and are drained, then closed, in the reverse order', async () => {
  const diary: string[] = []
  const close = async (): Promise<void> => void diary.push('close platform')
  await runServices({
    services: [service('reader', diary), service('source', diary)],
    logger,
    until: async () => {},
    close,
  })
  expect(diary).toEqual([
    'start reader',
    'start source',
    'drain source',
    'drain reader',
    'close source',
    'close reader',
    'close platform',
  ])
})

test('the first signal drains everything and ends the run without an error', async () => {
  const diary: string[] = []
  const signals = new EventEmitter()
  const until = (signal: AbortSignal): Promise<never> => {
    signal.addEventListener('abort', () => diary.push('told'))
    queueMicrotask(() => signals.emit('SIGTERM', 'SIGTERM'))
    return NEVER
  }
  await runServices({ services: [service('one', diary)], logger, until, close: async () => {}, signals })
  expect(diary).toEqual(['start one', 'told', 'drain one', 'close one'])
  expect(signals.listenerCount('SIGTERM') + signals.listenerCount('SIGINT')).toBe(0)
})

test('a failure rejects the run after everything is drained and closed', async () => {
  const diary: string[] = []
  const failing = service('failing', diary)
  const until = (): Promise<never> => {
    failing.fail(new Error('broken'))
    return NEVER
  }
  const run = runServices({
    services: [failing, service('other', diary)],
    logger,
    until,
    close: async () => {},
  })
  await expect(run).rejects.toThrow('broken')
  expect(diary.slice(2)).toEqual(['drain other', 'drain failing', 'close other', 'close failing'])
})

test('a service that cannot start closes what had started, itself included, and the later ones never start', async () => {
  const diary: string[] = []
  const services = [
    service('first', diary),
    service('second', diary, { at: 'start' }),
    service('third', diary),
  ]
  const run = runServices({
    services,
    logger,
    until: async () => {},
    close: async () => void diary.push('close platform'),
  })
  await expect(run).rejects.toThrow("second can't start")
  expect(diary).toEqual([
    'start first',
    'start second',
    'drain second',
    'drain first',
    'close second',
    'close first',
    'close platform',
  ])
})

test('a service that cannot drain keeps none of the others from it', async () => {
  const diary: string[] = []
  const services = [service('first', diary), service('second', diary, { at: 'drain' })]
  await runServices({ services, logger, until: async () => {}, close: async () => {} })
  expect(diary.slice(2)).toEqual(['drain second', 'drain first', 'close second', 'close first'])
})

test('work that is stuck is left once the deadline is over, the rest is drained and closed, and the process exits', async () => {
  const diary: string[] = []
  const stuck = { ...service('stuck', diary), drain: () => NEVER, close: () => NEVER }
  const exits: number[] = []
  await runServices({
    services: [service('other', diary), stuck],
    logger,
    until: async () => {},
    close: async () => void diary.push('close platform'),
    exit: (code) => exits.push(code),
    drainMs: 10,
  })
  expect(diary.slice(2)).toEqual(['drain other', 'close other', 'close platform'])
  expect(exits).toEqual([1])
})

test('the second signal exits at once', async () => {
  const signals = new EventEmitter()
  const exits: number[] = []
  const stuck = { ...service('stuck', []), drain: () => NEVER }
  const until = (): Promise<never> => {
    queueMicrotask(() => signals.emit('SIGTERM', 'SIGTERM'))
    setImmediate(() => signals.emit('SIGTERM', 'SIGTERM'))
    return NEVER
  }
  const exit = (code: number): void => void exits.push(code)
  await runServices({ services: [stuck], logger, until, close: async () => {}, signals, exit, drainMs: 100 })
  expect(exits).toEqual([130, 1])
})

test('everything is handled only when two looks in a row find nobody with anything left', async () => {
  const looks = [true, false, true, true]
  let taken = 0
  const moody = { ...service('moody', []), caughtUp: async () => looks[taken++] ?? true }
  await everythingHandled({ services: [moody], clock: systemClock, signal: new AbortController().signal })
  expect(taken).toBe(4)
})

test('waiting for everything to be handled ends when the run ends', async () => {
  const stuck = { ...service('stuck', []), caughtUp: async () => false }
  const ending = new AbortController()
  const waiting = everythingHandled({ services: [stuck], clock: systemClock, signal: ending.signal })
  ending.abort()
  await expect(waiting).resolves.toBeUndefined()
})
