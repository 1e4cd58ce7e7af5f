import { Argument, Command } from 'commander'
import { type CommonOptions, withCommonOptions } from '../options.ts'

export interface ModelsOptions extends CommonOptions {
  system?: string
}

export interface RollbackOptions extends ModelsOptions {
  to?: string
}

export function modelsCommand(): Command {
  const version = (): Argument => new Argument('<version>', 'like 1.2.3')
  const sub = (name: string, description: string): Command =>
    withCommonOptions(new Command(name))
      .description(description)
      .option('--system <id>', 'needed where several are configured')
  const list = sub('list', 'Every stored version of a system, and what is in force from when.').action(
    async (options: ModelsOptions) => (await import('../actions/models.ts')).list(options),
  )
  const show = sub('show', 'One version: what it was trained on, how good it is, its files.')
    .addArgument(version())
    .action(async (name: string, options: ModelsOptions) =>
      (await import('../actions/models.ts')).show(name, options),
    )
  const promote = sub('promote', 'Prove a stored version and put it in force, all its horizons at once.')
    .addArgument(version())
    .action(async (name: string, options: ModelsOptions) =>
      (await import('../actions/models.ts')).promote(name, options),
    )
  const rollback = sub('rollback', 'Put the version before the one in force in force again, or persistence.')
    .option('--to <version>', 'a stored version, or persistence')
    .action(async (options: RollbackOptions) => (await import('../actions/models.ts')).rollback(options))
  return [list, show, promote, rollback].reduce(
    (all, command) => all.addCommand(command.exitOverride()),
    new Command('models').description('The trained models of a system: list, show, promote, roll back.'),
  )
}
