import { createHash } from 'node:crypto'
import type { WindowSpan } from '../domain/health.ts'
import type { OutgoingRecord } from '../platform/event-log/port.ts'
import type { Platform } from '../platform/service.ts'
import { TOPICS } from '../platform/topics.ts'
import { type Artefact, artefactBytes, artefactPath } from './artefact-schemas.ts'

/** SHA-256 of what was last published at each path: equal bytes are not written or announced again. */
export type Published = Map<string, string>

/**
 * Writes artefacts, each whole or not at all, and then announces those that changed with one event each.
 * Stopped in between, the same call announces them: at least once.
 */
export async function publishArtefacts({
  platform,
  system,
  window,
  artefacts,
  published,
}: {
  platform: Pick<Platform, 'objects' | 'log' | 'codec'>
  system: string
  window: WindowSpan
  artefacts: readonly Artefact[]
  published: Published
}): Promise<void> {
  const { objects, log, codec } = platform
  const changed: { path: string; sha256: string }[] = []
  for (const artefact of artefacts) {
    const path = artefactPath(system, artefact.name)
    const bytes = artefactBytes(artefact)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    if (published.get(path) === sha256) continue
    await objects.put(path, bytes, { contentType: 'application/json' })
    changed.push({ path, sha256 })
  }
  if (changed.length === 0) return
  await log.publish(
    TOPICS.monitoring,
    changed.map(({ path, sha256 }): OutgoingRecord => {
      const artefact = path.slice(system.length + 1)
      return {
        partitionKey: system,
        key: `${system}/${artefact}`,
        value: codec.encode(TOPICS.monitoring, 'MonitoringEvent', {
          system,
          artefact,
          window_start_utc: window.start,
          window_end_utc: window.end,
          sha256,
        }),
        headers: {
          ce_specversion: '1.0',
          ce_id: `${path}/${sha256}`,
          ce_source: `velocast/monitor/${system}`,
          ce_type: 'velocast.monitoring-event.v1',
          ce_time: new Date(window.end).toISOString(),
          'content-type': 'application/avro',
        },
      }
    }),
  )
  for (const { path, sha256 } of changed) published.set(path, sha256)
}
