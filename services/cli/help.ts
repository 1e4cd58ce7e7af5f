import { type Command, Help, type Option } from 'commander'

/** Options that every command has: last in its help. */
const COMMON = ['--config', '--data', '--json', '--help']

/**
 * Help as a newcomer reads it, for a command and all below it: what must be given comes first and says so, then the
 * command's own options, then those of every command. Wrong usage ends by an error that the caller turns into an exit code.
 */
export function withHelp(command: Command): Command {
  const standard = new Help()
  command.exitOverride().configureHelp({
    visibleOptions: (shown) => standard.visibleOptions(shown).toSorted((a, b) => rank(a) - rank(b)),
    optionDescription: (option) =>
      `${option.mandatory ? 'needed: ' : ''}${standard.optionDescription(option)}`,
  })
  for (const below of command.commands) withHelp(below)
  return command
}

function rank({ mandatory, long }: Option): number {
  return mandatory ? -1 : COMMON.indexOf(long ?? '') + 1
}
