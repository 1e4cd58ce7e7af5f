/**
 * `npm run soak -- [--minutes 60] [--speed 60]`: an hour of a feed at sixty times its pace, with bursts, through every
 * service in a process of its own. Says what each service's memory does and whether its lag goes back to nothing.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { soak } from './soak.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    speed: { type: 'string', default: '60' },
    out: { type: 'string' },
  },
})
const report = await soak({
  minutes: Number(values.minutes),
  speed: Number(values.speed),
  burstSeconds: 120,
  holdSeconds: 12,
  progress({ at, lag, memory }) {
    if (at % 60 >= 5) return
    const numbers = Object.entries(memory).map(([service, mb]) => `${service} ${mb.toFixed(0)} MB`)
    process.stdout.write(`${at} s  ${numbers.join('  ')}  behind ${JSON.stringify(lag)}\n`)
  },
})
process.stdout.write(
  [
    '',
    `${report.records} records; ${report.caughtUpAfter === null ? 'still behind at the end' : `caught up after ${report.caughtUpAfter.toFixed(0)} s`}; ${report.ended.length} services ended early`,
    ...report.ended,
    '',
    '| service | MB at first | MB at last | most | MB an hour | MB an hour, least of each two minutes |',
    '|---|---|---|---|---|---|',
    ...Object.entries(report.memory).map(
      ([service, { first, last, most, slopePerHour, floorSlopePerHour }]) =>
        `| ${service} | ${[first, last, most, slopePerHour, floorSlopePerHour].map((mb) => mb.toFixed(0)).join(' | ')} |`,
    ),
    '',
  ].join('\n'),
)
if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(report)}\n`)
process.exitCode = report.caughtUpAfter === null || report.ended.length > 0 ? 1 : 0
