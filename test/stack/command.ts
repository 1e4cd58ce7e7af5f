import { spawn } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

export type CommandOptions = {
  command: string
  args: string[]
  directory?: string
  environment?: Record<string, string>
}

const shownLines = 20

/**
 * Runs a program to its end and resolves to what it wrote to standard output.
 * @throws Error with the last 20 lines of both outputs when it cannot be started or does not exit with 0.
 */
export function run({ command, args, directory, environment }: CommandOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: directory,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    let everything = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
      everything += chunk
    })
    child.stderr.on('data', (chunk) => {
      everything += chunk
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(output)
      const tail = everything.trim().split('\n').slice(-shownLines).join('\n')
      reject(new Error(`${command} ${args[0] ?? ''} ended with ${code ?? signal}:\n${tail}`))
    })
  })
}

/** Absolute path of a program on PATH, or undefined. */
export async function findCommand(command: string): Promise<string | undefined> {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(directory, command)
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (directory !== '' && found) return path
  }
  return undefined
}
