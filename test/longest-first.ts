import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Files of each project that take longest, the longest first. A checkout that has not run them before knows their sizes only, and would
 * begin with long texts: the one that replays whole recordings would come near the end, with one core idle beside it.
 */
const LONGEST = [
  'integration/replay-proof.integration.test.ts',
  'integrity/kills.integrity.test.ts',
  'integrity/kills-apart.integrity.test.ts',
  'integrity/outages.integrity.test.ts',
  'integration/services-apart.integration.test.ts',
  'train/training-run.test.ts',
  'forecast/trained-town.test.ts',
  'integration/refused-starts.integration.test.ts',
  'served/served-forecasts.test.ts',
  'served/trained-parity.test.ts',
  'integrity/time.integrity.test.ts',
  'integration/opendatasoft-proof.integration.test.ts',
  'integration/event-log-outage.integration.test.ts',
  'ingest/replay/recorded.test.ts',
  'ingest/replay/quirks.test.ts',
  'integration/command-line.integration.test.ts',
  'stack/stack.test.ts',
  'sink/service.test.ts',
  'ingest/replay/service.test.ts',
  'forecast/service.test.ts',
  'monitor/service.test.ts',
  'platform/event-log/in-process.test.ts',
  'domain/frozen.test.ts',
  'windows/recall.test.ts',
  'train/recorded-baselines.test.ts',
  'monitor/recorded-cities.test.ts',
  'train/gradient-boosting/train.test.ts',
  'monitor/alerts-of-a-city.test.ts',
]

/** Starts what takes longest first, then as vitest would. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const order = await super.sort(files)
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}`))
      return place === -1 ? LONGEST.length : place
    }
    // Projects stay one after the other, as they were.
    return [...Map.groupBy(order, ({ project }) => project.name).values()].flatMap((own) =>
      own.toSorted((a, b) => rank(a) - rank(b)),
    )
  }
}
