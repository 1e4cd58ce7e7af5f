import { Command } from 'commander'
import { examine } from '../doctor.ts'
import { EXIT } from '../exit-code.ts'
import { type CommonOptions, setting, withCommonOptions } from '../options.ts'

export function doctorCommand(): Command {
  return withCommonOptions(new Command('doctor'))
    .description('Check brokers, registry, Redis, bucket, feeds and weather, and say what to do.')
    .action(async (options: CommonOptions) => {
      const { config, logger, output } = setting(options, { logging: { level: 'silent' } })
      const findings = await examine({ config, logger })
      output.result(findings, (all) =>
        all
          .map(
            ({ name, ok, detail, remedy }) =>
              `${ok ? 'ok  ' : 'FAIL'}  ${name}: ${detail}${remedy === null ? '' : `\n      → ${remedy}`}`,
          )
          .join('\n'),
      )
      if (findings.some(({ ok }) => !ok)) process.exitCode = EXIT.unreachable
    })
}
