import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const compiler = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url))
const page = fileURLToPath(new URL('../../../services/api/page', import.meta.url))

test('the page fits its types, with a browser’s globals', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [compiler, '--noEmit', '-p', page]).catch(
    (error: { stdout: string }) => error,
  )
  expect(stdout).toBe('')
}, 60_000)
