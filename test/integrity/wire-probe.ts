import { type Exchange, exchange } from '../stack/exchange.ts'
import type { WireFault } from '../stack/toxiproxy.ts'
import { CUT_BYTES, type ServerName } from './servers.ts'

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: probe\r\n\r\n`
/** ApiVersions, version 0, correlation 1, no client id. */
const API_VERSIONS = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff])

/** A request that each server answers with more bytes than a cut wire passes. */
const REQUESTS: Record<ServerName, string | Buffer> = {
  kafka: API_VERSIONS,
  registry: get('/apis/ccompat/v7/subjects'),
  redis: 'INFO\r\n',
  gcs: get('/storage/v1/b?project=probe'),
}

export function probe(name: ServerName, { port }: { port: number }): Promise<Exchange> {
  return exchange({ port, request: REQUESTS[name], enough: CUT_BYTES[name] + 1 })
}

export function isWhole(name: ServerName, { bytes }: Exchange): boolean {
  return bytes > CUT_BYTES[name]
}

/** Whether what a request brought shows this fault and no other. */
export function shows(name: ServerName, fault: WireFault, { end, bytes, firstMs }: Exchange): boolean {
  const shown: Record<WireFault, boolean> = {
    refuse: end === 'refused',
    hang: end === 'open' && bytes === 0,
    reset: end === 'reset' && bytes === 0,
    slow: firstMs !== null && firstMs >= 300,
    cut: end === 'closed' && bytes === CUT_BYTES[name],
  }
  return shown[fault]
}
