import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cached, withLock } from './cache.ts'
import { findCommand, run } from './command.ts'
import { ensureCommand } from './debian.ts'
import { UnavailableError } from './unavailable.ts'

const oldestJava = 17

export type MavenArtifact = {
  groupId: string
  artifactId: string
  version: string
  type?: string
  classifier?: string
}

/**
 * Path of a Java of at least version 17: JAVA_HOME's, else the one on PATH, else Debian's.
 * @throws UnavailableError
 */
export async function findJava(): Promise<string> {
  const home = process.env.JAVA_HOME
  const java = home
    ? join(home, 'bin', 'java')
    : ((await findCommand('java')) ??
      (await ensureCommand({ command: 'java', debianPackage: 'openjdk-17-jre-headless' })))
  const remedy = `install Java ${oldestJava} or later and put it on PATH or into JAVA_HOME`
  const version = await run({ command: java, args: ['--version'] }).catch((cause) => {
    throw new UnavailableError({ name: 'java', reason: (cause as Error).message, remedy }, { cause })
  })
  const major = Number(/\d+/.exec(version)?.[0])
  if (major >= oldestJava) return java
  throw new UnavailableError({ name: 'java', reason: `version ${major} is too old`, remedy })
}

/**
 * Resolves to a cached directory that holds the artefacts' files, with their runtime dependencies
 * when `transitive`. `finish` may unpack them before the directory is published.
 * @throws UnavailableError when Maven is missing or cannot fetch them
 */
export async function fetchFromMaven(options: {
  name: string
  artifacts: MavenArtifact[]
  transitive: boolean
  finish?: (directory: string) => Promise<void>
}): Promise<string> {
  const { name, artifacts, transitive, finish } = options
  return cached(name, async (directory) => {
    const mvn = await ensureCommand({ command: 'mvn', debianPackage: 'maven' })
    const project = join(directory, 'maven')
    await mkdir(project)
    await writeFile(join(project, 'pom.xml'), pom({ name, artifacts, transitive }))
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', '-DoutputDirectory=files']
    const args = ['-B', '-q', '-Dstyle.color=never', ...goal]
    await withLock('maven', () => run({ command: mvn, args, directory: project })).catch((cause) => {
      const reason = `Maven could not fetch ${artifacts[0]?.artifactId}: ${firstLines((cause as Error).message)}`
      const remedy = 'give this machine access to Maven Central, or set the endpoint of a running server'
      throw new UnavailableError({ name, reason, remedy }, { cause })
    })
    await cp(join(project, 'files'), directory, { recursive: true })
    await rm(project, { recursive: true })
    await finish?.(directory)
  })
}

function firstLines(message: string): string {
  return message.split('\n').slice(0, 2).join(' ')
}

function pom(options: { name: string; artifacts: MavenArtifact[]; transitive: boolean }): string {
  const exclusions = options.transitive
    ? ''
    : '<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>'
  const dependencies = options.artifacts.map((artifact) => {
    const fields = Object.entries(artifact).map(([field, value]) => `<${field}>${value}</${field}>`)
    return `<dependency>${fields.join('')}${exclusions}</dependency>`
  })
  return `<project><modelVersion>4.0.0</modelVersion>
<groupId>velocast.test</groupId><artifactId>${options.name}</artifactId><version>1</version>
<dependencies>${dependencies.join('\n')}</dependencies></project>\n`
}
