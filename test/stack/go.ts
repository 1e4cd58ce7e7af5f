import { findCommand } from './command.ts'
import { UnavailableError } from './unavailable.ts'

/** Path of the Go command, with which the server `name` is built. */
export async function findGo(name: string): Promise<string> {
  const go = await findCommand('go')
  if (go) return go
  const remedy = 'install Go 1.26 or later and put it on PATH'
  throw new UnavailableError({ name, reason: 'go is not on PATH', remedy })
}
