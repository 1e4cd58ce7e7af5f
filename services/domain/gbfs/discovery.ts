import { ReadingError, shown } from '../reading-error.ts'
import { readEnvelope } from './envelope.ts'
import { isObject } from './fields.ts'

/** Where a system's files are. */
export interface Discovery {
  /** Null in 3.0, whose feeds have no language. */
  language: string | null
  status_url: string
  information_url: string
  vehicle_types_url: string | null
  /** Every feed of that language, name → address. */
  feeds: Record<string, string>
  ttl_s: number | null
  version: string | null
}

/**
 * Reads `gbfs.json`: feeds by language (1.x, 2.x), or flat (3.0). Takes the first language, of those asked for, then
 * English, then file order, that has both station_status and station_information.
 * Throws ReadingError `feed_malformed`; `feed_no_stations` when no language has both.
 */
export function parseDiscovery(json: unknown, options: { languages?: readonly string[] } = {}): Discovery {
  const { data, ttl_s, stated } = readEnvelope(json, 'gbfs')
  const byLanguage = new Map<string | null, Record<string, string>>()
  if (Array.isArray(data.feeds)) byLanguage.set(null, readFeeds(data.feeds))
  for (const [language, content] of Object.entries(data)) {
    if (isObject(content) && Array.isArray(content.feeds)) {
      byLanguage.set(language, readFeeds(content.feeds))
    }
  }
  if (byLanguage.size === 0) {
    throw new ReadingError({
      code: 'feed_malformed',
      message: `gbfs must have "data.feeds" or "data.<language>.feeds": check that the address is gbfs.json's, got ${shown(data)}`,
    })
  }
  const order = [null, ...(options.languages ?? []), 'en', ...byLanguage.keys()]
  for (const language of order) {
    const feeds = byLanguage.get(language)
    const status = feeds?.station_status
    const information = feeds?.station_information
    if (feeds === undefined || status === undefined || information === undefined) continue
    return {
      language,
      status_url: status,
      information_url: information,
      vehicle_types_url: feeds.vehicle_types ?? null,
      feeds,
      ttl_s,
      version: stated,
    }
  }
  const named = [...new Set([...byLanguage.values()].flatMap((feeds) => Object.keys(feeds)))]
  throw new ReadingError({
    code: 'feed_no_stations',
    message: `gbfs names no station_status with station_information: a system without stations can't be followed, got ${shown(named.join(', '))}`,
  })
}

/** Feeds with a usable address; the first of a name wins. */
function readFeeds(list: readonly unknown[]): Record<string, string> {
  const feeds: Record<string, string> = {}
  for (const feed of list) {
    if (!isObject(feed) || typeof feed.name !== 'string' || typeof feed.url !== 'string') continue
    const name = feed.name.replace(/\.json$/, '')
    if (Object.hasOwn(feeds, name) || !isWebAddress(feed.url)) continue
    feeds[name] = feed.url
  }
  return feeds
}

function isWebAddress(value: string): boolean {
  const { protocol } = URL.parse(value) ?? {}
  return protocol === 'https:' || protocol === 'http:'
}
