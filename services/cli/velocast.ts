#!/usr/bin/env node
import { Command } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }
import { backtestCommand } from './commands/backtest.ts'
import { compactCommand } from './commands/compact.ts'
import { configCommand } from './commands/config.ts'
import { dlqCommand } from './commands/dlq.ts'
import { doctorCommand } from './commands/doctor.ts'
import { exportCommand } from './commands/export.ts'
import { modelsCommand } from './commands/models.ts'
import { parityCommand } from './commands/parity.ts'
import { replayCommand } from './commands/replay.ts'
import { runCommand } from './commands/run.ts'
import { simulateCommand } from './commands/simulate.ts'
import { topicsCommand } from './commands/topics.ts'
import { trainCommand } from './commands/train.ts'
import { upCommand } from './commands/up.ts'
import { EXIT, exitCode } from './exit-code.ts'
import { withHelp, withUsageErrors } from './help.ts'
import { describeError } from './output.ts'

const json = process.argv.includes('--json')
const program = withUsageErrors(new Command('velocast'), json)
  .description('Live bikeshare feeds to forecasts, history and monitoring.')
  .version(packageJson.version, '--version', 'print the version')
  .addHelpText(
    'after',
    "\nBegin with `velocast up` and open the address that it prints; `velocast config --keys` lists every setting,\ndocs/command-line.md explains each command.\n\nExit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 something it needs can't be reached.",
  )
  .exitOverride()

for (const command of [
  upCommand(),
  runCommand(),
  replayCommand(),
  trainCommand(),
  modelsCommand(),
  backtestCommand(),
  simulateCommand(),
  compactCommand(),
  exportCommand(),
  parityCommand(),
  topicsCommand(),
  dlqCommand(),
  configCommand(),
  doctorCommand(),
]) {
  program.addCommand(withHelp(command, json))
}

try {
  await program.parseAsync()
} catch (error) {
  if (isCommanderExit(error)) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage
  } else {
    process.stderr.write(`${describeError(error, json)}\n`)
    process.exitCode = exitCode(error)
  }
}

function isCommanderExit(error: unknown): error is { code: string; exitCode: number } {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.')
}
