import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { cached } from './cache.ts'
import { findCommand, run } from './command.ts'
import { ensureCommand } from './debian.ts'
import { UnavailableError } from './unavailable.ts'

const kustomize = 'v5.7.1'
const kubeconform = 'v0.7.0'
/** A Python package that carries the JSON schemas of the Kubernetes API; kubeconform itself would download them. */
const schemas = '1.37.0'
const kubernetes = 'v1.34.0'

/** Builds a kustomization. @throws UnavailableError, or Error with kustomize's words. */
export async function buildKustomization(directory: string): Promise<string> {
  const program = await goProgram('kustomize', `sigs.k8s.io/kustomize/kustomize/v5@${kustomize}`)
  return run({ command: program, args: ['build', directory] })
}

/** Checks manifests strictly against the schemas of Kubernetes 1.34. @throws Error with each finding. */
export async function checkManifests(file: string): Promise<string> {
  const program = await goProgram(
    'kubeconform',
    `github.com/yannh/kubeconform/cmd/kubeconform@${kubeconform}`,
  )
  const location = join(await schemaDirectory(), '{{ .ResourceKind }}{{ .KindSuffix }}.json')
  return run({ command: program, args: ['-strict', '-summary', '-schema-location', location, file] })
}

async function goProgram(name: string, module: string): Promise<string> {
  const version = module.split('@')[1]
  const directory = await cached(`${name}-${version}`, async (partial) => {
    const go = await findCommand('go')
    if (!go) throw new UnavailableError({ name, reason: 'go is not on PATH', remedy: 'install Go' })
    await run({ command: go, args: ['install', module], environment: { GOBIN: partial, GOFLAGS: '' } })
  })
  return join(directory, name)
}

async function schemaDirectory(): Promise<string> {
  const unzip = await ensureCommand({ command: 'unzip', debianPackage: 'unzip' })
  const name = `kubernetes-schemas-${kubernetes}`
  return cached(name, async (partial) => {
    const python = await findCommand('python3')
    if (!python)
      throw new UnavailableError({ name, reason: 'python3 is not on PATH', remedy: 'install Python 3' })
    const wheel = `kubernetes_validate-${schemas}-py3-none-any.whl`
    const download = [
      '-m',
      'pip',
      'download',
      '--quiet',
      '--no-deps',
      '--disable-pip-version-check',
      '-d',
      partial,
    ]
    await run({ command: python, args: [...download, `kubernetes-validate==${schemas}`] })
    const inside = `kubernetes_validate/kubernetes-json-schema/${kubernetes}-local-strict/*`
    await run({
      command: unzip,
      args: ['-q', '-j', join(partial, wheel), inside, '-d', join(partial, 'raw')],
    })
    await pointAtEachOther({ from: join(partial, 'raw'), to: partial, final: join(partial, '..', name) })
    await rm(join(partial, wheel))
    await rm(join(partial, 'raw'), { recursive: true })
  })
}

/** The schemas refer to `/api/_definitions.json`, which kubeconform can only follow as a file's address. */
async function pointAtEachOther({
  from,
  to,
  final,
}: {
  from: string
  to: string
  final: string
}): Promise<void> {
  await mkdir(to, { recursive: true })
  const definitions = pathToFileURL(join(final, '_definitions.json')).href
  for (const name of await readdir(from)) {
    const text = await readFile(join(from, name), 'utf8')
    await writeFile(join(to, name), text.replaceAll('"/api/_definitions.json#', `"${definitions}#`))
  }
}
