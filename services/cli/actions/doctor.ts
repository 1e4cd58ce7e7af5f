import { examine } from '../doctor.ts'
import { EXIT } from '../exit-code.ts'
import type { CommonOptions } from '../options.ts'
import { setting } from '../setting.ts'

export async function doctor(options: CommonOptions): Promise<void> {
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
}
