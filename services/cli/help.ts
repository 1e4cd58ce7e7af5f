import { type Command, Help, type Option, type OutputConfiguration } from 'commander'

/** Options that every command has: last in its help. */
const COMMON = ['--config', '--data', '--json', '--help']

/** Wrong usage in the form that every other error has with `--json`. */
const USAGE_AS_JSON: OutputConfiguration = {
  outputError: (text, write) =>
    write(
      `${JSON.stringify({ error: { code: 'request_invalid', message: text.trim().replace(/^error: /, '') } })}\n`,
    ),
}

/** With `--json` wrong usage is told as JSON, without the hint for people. */
export function withUsageErrors(program: Command, json: boolean): Command {
  return json
    ? program.configureOutput(USAGE_AS_JSON)
    : program.showHelpAfterError('(velocast --help shows what there is)')
}

/**
 * Help as a newcomer reads it, for a command and all below it: what must be given comes first and says so, then the
 * command's own options, then those of every command. Wrong usage ends by an error that the caller turns into an exit code.
 */
export function withHelp(command: Command, json: boolean): Command {
  const standard = new Help()
  command.exitOverride().configureHelp({
    visibleOptions: (shown) => standard.visibleOptions(shown).toSorted((a, b) => rank(a) - rank(b)),
    optionDescription: (option) =>
      `${option.mandatory ? 'needed: ' : ''}${standard.optionDescription(option)}`,
  })
  if (json) command.configureOutput(USAGE_AS_JSON)
  for (const below of command.commands) withHelp(below, json)
  return command
}

function rank({ mandatory, long }: Option): number {
  return mandatory ? -1 : COMMON.indexOf(long ?? '') + 1
}
