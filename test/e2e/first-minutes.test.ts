import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ModelReport } from '../../services/api/model-report.ts'
import { startVelocast, type VelocastRun } from '../proof/velocast.ts'
import { UnavailableError } from '../stack/unavailable.ts'
import { killLeftProcesses } from '../started-processes.ts'
import { launchBrowser } from './browser.ts'

const launched = await launchBrowser()
const missing = launched instanceof UnavailableError ? ` (left out: ${launched.message})` : ''
/** One horizon and few rounds: the same path in a fraction of the time. */
const CONFIG = {
  horizons: [60],
  train: { min_days: 5, max_rows: 20_000, rounds: 25 },
  forecast: { model_check_seconds: 1 },
}
/** On other days the gate may refuse so small a model, and rightly: this one was found to pass. */
const START = '2026-11-28T09:00:00Z'
const CITY = ['--source', 'simulate', '--stations', '60', '--speed', '120', '--start', START, '--port', '0']
const HISTORY = ['--history-days', '8', '--history-stations', '40']

let directory: string
let lines: string[] = []
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'velocast-first-minutes-'))
  await writeFile(join(directory, 'config.json'), JSON.stringify(CONFIG))
})
afterAll(async () => {
  if (!(launched instanceof UnavailableError)) await launched.close()
  killLeftProcesses()
  await rm(directory, { recursive: true, force: true })
})

/** Starts the city on the test's data; gives the address of its page. */
async function start(): Promise<{ run: VelocastRun; url: string }> {
  const where = ['--config', join(directory, 'config.json'), '--data', join(directory, 'data')]
  const run = startVelocast(['up', ...CITY, ...HISTORY, ...where])
  lines = []
  createInterface({ input: run.child.stdout! }).on('line', (line) => lines.push(line))
  await expect.poll(() => lines.find((line) => line.startsWith('Open ')), { timeout: 30_000 }).toBeDefined()
  return { run, url: lines.find((line) => line.startsWith('Open '))!.slice('Open '.length) }
}

async function stop({ child }: VelocastRun): Promise<void> {
  child.kill('SIGTERM')
  await once(child, 'close')
}

describe.skipIf(launched instanceof UnavailableError)(
  `the first minutes of a simulated city${missing}`,
  () => {
    test('a model learned from simulated history takes over on the page, which says what it was trained on; a restart learns nothing anew', async () => {
      const first = await start()
      const page = await (launched as Browser).newPage({ viewport: { width: 1440, height: 900 } })
      await page.goto(first.url)
      await page.waitForSelector('#table tbody tr[data-id]')
      expect(await page.textContent('#model')).toBe('persistence@0.1.0')
      await page.waitForSelector(
        '#skill-status >> text=Learning from 8 days of simulated history, 40 of 60 stations',
      )

      await page.waitForSelector('#skill-status >> text=/Model 1.0.0 serves (from|since)/', {
        timeout: 240_000,
      })
      expect(await page.textContent('#skill')).toMatch(
        /Trained on 40 of 60 stations, 8 simulated days, .* nothing about a real city\./,
      )
      expect(await page.textContent('#skill [data-horizon="60"]')).toMatch(
        /−\d+\.\d % \d+\.\d{3} against \d+\.\d{3} bikes/,
      )
      await expect.poll(() => page.textContent('#model'), { timeout: 60_000 }).toBe('trees@1.0.0')
      expect(await page.textContent('#skill-status')).toContain('serves since')
      expect(await page.textContent('#badges')).toContain('SIMULATED')
      expect(lines.some((line) => line.startsWith('Model 1.0.0 serves from '))).toBe(true)

      const before = (await (
        await fetch(`${first.url}/v1/systems/simulated-city/model`)
      ).json()) as ModelReport
      await page.close()
      await stop(first.run)
      const second = await start()
      const after = (await (
        await fetch(`${second.url}/v1/systems/simulated-city/model`)
      ).json()) as ModelReport
      await expect.poll(() => lines.some((line) => line.startsWith('Model 1.0.0 serves from '))).toBe(true)
      expect(after.first_minutes).toEqual(before.first_minutes)
      await stop(second.run)
    }, 400_000)
  },
)
