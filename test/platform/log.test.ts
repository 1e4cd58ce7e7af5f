import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { VelocastError } from '../../services/platform/errors.ts'
import { createLogger, redactAddresses } from '../../services/platform/log.ts'

function logged(format: 'auto' | 'json' | 'pretty', isTTY: boolean): { log: (value: object) => string } {
  const stream = Object.assign(new PassThrough(), { isTTY })
  const logger = createLogger({ level: 'info', format, stream })
  return {
    log(value) {
      logger.info(value, 'said')
      return String(stream.read() ?? '')
    },
  }
}

test('a pipe gets one JSON object a line, a terminal gets text', () => {
  const line = JSON.parse(logged('auto', false).log({ system: 'velib' }))
  expect(line).toMatchObject({ level: 'info', msg: 'said', system: 'velib' })
  expect(Date.parse(line.time)).not.toBeNaN()
  const text = logged('auto', true).log({ system: 'velib' })
  expect(text).toContain('said')
  expect(() => JSON.parse(text)).toThrow()
})

test.each(['json', 'pretty'] as const)('no secret reaches a %s log, by key or in an address', (format) => {
  const cause = new VelocastError({
    code: 'look_up_store_unreachable',
    message: 'redis is not there: redis://app:hunter2@redis:6379/0',
  })
  const text = logged(format, false).log({
    err: cause,
    password: 'hunter2',
    log: { password: 'hunter2' },
    config: { registry: { password: 'hunter2' } },
    headers: { authorization: 'Bearer hunter2' },
    url: 'rediss://:hunter2@redis/0',
  })
  expect(text).not.toContain('hunter2')
  expect(text).toContain('redis://app:[redacted]@redis:6379/0')
  expect(text).toContain('look_up_store_unreachable')
})

test('only passwords of addresses are masked', () => {
  expect(redactAddresses('http://host:8080/a@b and user:pass')).toBe('http://host:8080/a@b and user:pass')
  expect(redactAddresses('kafka://u:p@h:1, redis://u:p2@h')).toBe(
    'kafka://u:[redacted]@h:1, redis://u:[redacted]@h',
  )
})

test('below its level a logger is silent', () => {
  const stream = new PassThrough()
  createLogger({ level: 'warn', format: 'json', stream }).info('unheard')
  expect(stream.read()).toBeNull()
})
