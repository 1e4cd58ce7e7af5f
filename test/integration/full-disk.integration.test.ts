import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { startVelocast } from '../proof/velocast.ts'
import { run } from '../stack/command.ts'
import { freePort } from '../stack/ports.ts'

const disk = mkdtempSync(join(tmpdir(), 'velocast-disk-'))
/** A disk of its own needs the right to mount one. */
const mounted = await run({ command: 'mount', args: ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk] }).then(
  () => true,
  () => false,
)

afterAll(async () => {
  if (mounted) await run({ command: 'umount', args: [disk] })
  rmSync(disk, { recursive: true, force: true })
})

interface Readiness {
  status: string
  checks: { service: string; ok: boolean; detail: string }[]
}

test.skipIf(!mounted)(
  'a full disk pauses what writes and says so, and once there is space everything goes on by itself (skipped without the right to mount a disk)',
  async () => {
    const port = await freePort()
    const { child, ended } = startVelocast(
      [
        ...['up', '--source', 'simulate', '--stations', '1500', '--speed', '60', '--no-history'],
        ...['--data', disk, '--port', String(port)],
      ],
      { VELOCAST_LOGGING_LEVEL: 'silent' },
    )
    const readiness = async (): Promise<Readiness> =>
      (await (await fetch(`http://127.0.0.1:${port}/readyz`)).json()) as Readiness
    const unwell = async (): Promise<string> => {
      const { checks } = await readiness()
      return checks
        .filter(({ ok }) => !ok)
        .map(({ detail }) => detail)
        .join('\n')
    }
    try {
      await expect.poll(unwell, { timeout: 60_000 }).toMatch(/disk is full|free some space/)
      expect(child.exitCode).toBeNull()
      await run({ command: 'mount', args: ['-o', 'remount,size=1g', disk] })
      await expect.poll(async () => (await readiness()).status, { timeout: 60_000 }).toBe('ok')
    } finally {
      child.kill('SIGTERM')
    }
    expect(await ended).toMatchObject({ code: 0, stderr: '' })
  },
  180_000,
)
