import { Command, Option } from 'commander'
import { speed, wholeNumber } from '../options.ts'

export interface SimulateOptions {
  host: string
  port: number
  gbfs: '1.1' | '2.3' | '3.0'
  stations: number
  seed: number
  speed: number | 'max'
  json?: boolean
}

export function simulateCommand(): Command {
  return new Command('simulate')
    .description('Serve a made-up city as a GBFS feed and an Open-Meteo endpoint.')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <number>', 'port to listen on; 0 takes a free one', wholeNumber, 8090)
    .addOption(
      new Option('--gbfs <version>', 'GBFS version to speak').choices(['1.1', '2.3', '3.0']).default('2.3'),
    )
    .option('--stations <count>', 'stations of the city, up to 100000', wholeNumber, 1500)
    .option('--seed <number>', 'same seed, same city', wholeNumber, 1)
    .option('--speed <times>', 'times real time', speed, 1)
    .option('--json', 'one JSON document on stdout instead of text')
    .action(async (options: SimulateOptions) => (await import('../actions/simulate.ts')).simulate(options))
}
