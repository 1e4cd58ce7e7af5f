import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildKustomization, checkManifests } from '../stack/kubernetes.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'velocast-kubernetes-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

async function manifests(text: string): Promise<string> {
  const file = join(directory, 'manifests.yaml')
  await writeFile(file, text)
  return checkManifests(file)
}

describe('the Kubernetes manifests', () => {
  test.each(['k8s/base', 'k8s/overlays/local'])(
    '%s builds and every resource passes the strict schemas',
    async (kustomization) => {
      const summary = await manifests(await buildKustomization(kustomization))
      expect(summary).toMatch(/Valid: [1-9]\d*, Invalid: 0, Errors: 0, Skipped: 0/)
    },
    300_000,
  )

  test('a field that Kubernetes does not know is refused', async () => {
    const built = await buildKustomization('k8s/base')
    await expect(manifests(built.replace('replicas:', 'copies:'))).rejects.toThrow(/copies/)
  })
})
