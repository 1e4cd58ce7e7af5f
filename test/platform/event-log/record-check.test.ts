import { describe, expect, test } from 'vitest'
import type { Decoded } from '../../../services/platform/event-log/codec.ts'
import type { LogRecord } from '../../../services/platform/event-log/port.ts'
import { checkRecord, recordKey } from '../../../services/platform/event-log/record-check.ts'
import { observation, pollRecord } from './arbitrary-records.ts'

const update = {
  system: 'velib',
  poll_id: 'p',
  outcome: 'ok',
  source: 'live',
  tbin_utc: 0,
  ts_utc: 0,
  fetched_utc: 0,
  station_ids: ['1'],
  names: [null],
  lats: [null],
  lons: [null],
  slots: Buffer.alloc(48),
}
const forecast = {
  ...{
    system: 'velib',
    station_id: '1',
    poll_id: 'p',
    tbin_utc: 0,
    ts_utc: 0,
    predicted_utc: 0,
    valid_until: 0,
  },
  ...{ stale: false, bikes: 0, docks: null, capacity: null, horizons: [] },
}

const SOUND: [key: string, decoded: Decoded][] = [
  ['velib/16107', { name: 'StationObservation', value: observation() }],
  ['velib', { name: 'PollRecord', value: pollRecord() }],
  ['velib', { name: 'PollRecord', value: pollRecord({ outcome: 'failed', ts_utc: null, rows: 0 }) }],
  ['velib', { name: 'WindowUpdate', value: update }],
  ['velib/1', { name: 'Forecast', value: forecast }],
  [
    'velib/48.85,2.35',
    { name: 'WeatherReport', value: { system: 'velib', point: '48.85,2.35', issued_utc: 0, hours: [] } },
  ],
  [
    'velib/monitoring/data/health/latest/a.json',
    {
      name: 'MonitoringEvent',
      value: {
        system: 'velib',
        artefact: 'monitoring/data/health/latest/a.json',
        window_start_utc: 0,
        window_end_utc: 0,
        sha256: '',
      },
    },
  ],
]

const FAULTS: [fault: string, decoded: Decoded][] = [
  ['system', { name: 'StationObservation', value: observation({ system: '../other' }) }],
  ['station_id', { name: 'StationObservation', value: observation({ station_id: '' }) }],
  ['poll_index', { name: 'StationObservation', value: observation({ poll_index: 1 }) }],
  ['bikes', { name: 'StationObservation', value: observation({ bikes: -1 }) }],
  [
    'ts_utc',
    { name: 'StationObservation', value: observation({ ts_utc: observation().fetched_utc + 86_400_001 }) },
  ],
  ['fetched_utc', { name: 'StationObservation', value: observation({ ts_utc: 0, fetched_utc: 9e15 }) }],
  ['outcome', { name: 'PollRecord', value: pollRecord({ outcome: 'great' as never }) }],
  ['rows', { name: 'PollRecord', value: pollRecord({ rows: -1 }) }],
  ['ts_utc', { name: 'PollRecord', value: pollRecord({ ts_utc: pollRecord().fetched_utc + 86_400_001 }) }],
  ['slots', { name: 'WindowUpdate', value: { ...update, slots: Buffer.alloc(47) } }],
  ['names', { name: 'WindowUpdate', value: { ...update, names: [] } }],
  ['station_id', { name: 'Forecast', value: { ...forecast, station_id: '' } }],
]

describe('a decoded record', () => {
  test.each(SOUND)('with the key %s that fits it is sound', (key, decoded) => {
    expect(checkRecord(withKey(key), decoded)).toBeNull()
  })

  test.each(SOUND)('with another key than %s is refused with the key it should have', (key, decoded) => {
    for (const other of [`${key}x`, 'docomo', null]) {
      expect(checkRecord(withKey(other), decoded)).toMatchObject({
        code: 'record_wrong_key',
        message: expect.stringContaining(`must be ${key}`),
      })
    }
  })

  test.each(FAULTS)('whose %s is impossible is refused by its name', (fault, decoded) => {
    expect(checkRecord(withKey(recordKey(decoded)), decoded)).toMatchObject({
      code: 'record_invalid',
      message: expect.stringContaining(fault),
    })
  })

  test('may be exactly a day ahead of its fetch', () => {
    const value = observation({ ts_utc: observation().fetched_utc + 86_400_000 })
    expect(checkRecord(withKey('velib/16107'), { name: 'StationObservation', value })).toBeNull()
  })
})

function withKey(key: string | null): LogRecord {
  return { topic: 't', partition: 0, offset: 0, key, value: null, headers: {}, appended: 0 }
}
