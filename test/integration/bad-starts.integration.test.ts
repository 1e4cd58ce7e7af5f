import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startVelocast } from '../proof/velocast.ts'
import { freePort } from '../stack/ports.ts'

let directory: string
/** A data directory that a run has left behind. */
let used: string

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'velocast-bad-starts-'))
  used = fresh()
  const { code } = await startVelocast(['topics', '--data', used]).ended
  expect(code).toBe(0)
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

function fresh(): string {
  return mkdtempSync(join(directory, 'data-'))
}

const simulate = (data: string): string[] => [
  ...['up', '--source', 'simulate', '--stations', '10', '--no-history', '--port', '0', '--data', data],
]

/** One line for people, without a stack, and no process left behind. */
async function refusal(
  args: string[],
  environment?: Record<string, string>,
): Promise<[number | null, string]> {
  const { code, stdout, stderr } = await startVelocast(args, environment).ended
  expect(stdout).toBe('')
  expect(stderr).not.toContain('    at ')
  return [code, stderr]
}

describe('a start that is impossible ends by itself, with what is wrong, where, and what to do', () => {
  test('a schema that an earlier version of the data does not fit', async () => {
    const data = fresh()
    const schemas = join(used, 'schemas', 'schemas.json')
    const entries = JSON.parse(readFileSync(schemas, 'utf8')) as {
      subject: string
      schema: { fields: { name: string; type: unknown }[] }
    }[]
    const bikes = entries
      .find(({ subject }) => subject.endsWith('StationObservation'))!
      .schema.fields.find(({ name }) => name === 'bikes')!
    bikes.type = ['null', 'string']
    mkdirSync(join(data, 'schemas'))
    writeFileSync(join(data, 'schemas', 'schemas.json'), JSON.stringify(entries))
    const [code, said] = await refusal(simulate(data))
    expect(code).toBe(1)
    expect(said).toMatch(/station-status\.v1-velocast\.StationObservation.*bikes.*\[schema_incompatible\]/)
  })

  test('a file of schemas that was written by half', async () => {
    const data = fresh()
    mkdirSync(join(data, 'schemas'))
    writeFileSync(join(data, 'schemas', 'schemas.json'), '[{"id": 1, "subj')
    const [code, said] = await refusal(simulate(data))
    expect(code).toBe(3)
    expect(said).toContain(join(data, 'schemas', 'schemas.json'))
  })

  test('a log that is no log', async () => {
    const data = fresh()
    writeFileSync(join(data, 'log.sqlite'), 'this is no database, it only has the name of one')
    const [code, said] = await refusal(simulate(data))
    expect(code).toBe(3)
    expect(said).toContain(join(data, 'log.sqlite'))
  })

  test('a data directory that is a file', async () => {
    const file = join(directory, 'a-file')
    writeFileSync(file, '')
    const [code, said] = await refusal(simulate(file))
    expect(code).toBe(3)
    expect(said).toContain(file)
  })

  test('a data directory that another process works in', async () => {
    const data = fresh()
    const { child, ended } = startVelocast(simulate(data))
    await new Promise((resolve) => child.stdout!.once('data', resolve))
    const [code, said] = await refusal(simulate(data))
    expect(code).toBe(3)
    expect(said).toContain('in use by another process')
    child.kill('SIGTERM')
    expect((await ended).code).toBe(0)
  })

  test('a schema registry, brokers and a bucket that are not there', async () => {
    const port = await freePort()
    const kafka = {
      VELOCAST_LOG_KIND: 'kafka',
      VELOCAST_LOG_BROKERS: `127.0.0.1:${port}`,
      VELOCAST_REGISTRY_URL: `http://127.0.0.1:${port}`,
    }
    for (const args of [['topics'], ['run', 'windows', '--port', '0']]) {
      const [code, said] = await refusal([...args, '--data', fresh()], kafka)
      expect(code).toBe(3)
      expect(said).toMatch(/\[registry_unreachable\]/)
      expect(said).toContain(String(port))
    }
    const { code, stdout } = await startVelocast(['doctor', '--json', '--data', fresh()], kafka).ended
    const findings = JSON.parse(stdout) as { name: string; ok: boolean; remedy: string | null }[]
    const wrong = findings.filter(({ ok }) => !ok)
    expect(code).toBe(3)
    expect(wrong.map(({ name }) => name)).toEqual(
      expect.arrayContaining([`kafka 127.0.0.1:${port}`, 'schema registry']),
    )
    expect(wrong.every(({ remedy }) => remedy !== null)).toBe(true)
  })
})
