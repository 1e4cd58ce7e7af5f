import { describe, expect, test } from 'vitest'
import {
  CLOSED_STATUSES,
  DERIVED_STATUS,
  inService,
  statusOpen,
} from '../../../services/domain/forecasting/in-service.ts'
import { readStatusWord } from '../../../services/domain/gbfs/fields.ts'
import { openDuckDb, quote } from '../../../services/platform/parquet/duckdb.ts'
import { inServiceSql } from '../../../services/platform/parquet/in-service-sql.ts'

interface Case {
  is_installed: boolean
  is_renting: boolean
  is_returning: boolean
  status: string
}

const SIDES = [true, false]
const WORDS = [...CLOSED_STATUSES, 'OK', 'active', 'IN_SERVICE', 'closed', 'Out_Of_Service', '']
const FLAGS = SIDES.flatMap((is_installed) =>
  SIDES.flatMap((is_renting) => SIDES.map((is_returning) => ({ is_installed, is_renting, is_returning }))),
)
const CASES: Case[] = FLAGS.flatMap((flags) => WORDS.map((status) => ({ ...flags, status })))
const rule = (station: Case): boolean => inService({ ...station, status_ok: statusOpen(station) })

describe('in service', () => {
  test('empty and full stations of a feed whose flags say bikes > 0 and docks > 0 are, with no word of its own', () => {
    for (const flags of [
      { is_renting: false, is_returning: true },
      { is_renting: true, is_returning: false },
    ]) {
      const status = readStatusWord(undefined, flags.is_renting, flags.is_returning)
      expect(status).toBe(DERIVED_STATUS)
      expect(rule({ is_installed: true, ...flags, status })).toBe(true)
    }
  })

  test('a station that is not installed or neither rents nor takes back is not, whatever its word', () => {
    for (const station of CASES) {
      if (station.is_installed && (station.is_renting || station.is_returning)) continue
      expect(rule(station)).toBe(false)
    }
  })

  test('with both flags set the word decides, and only closed words close', () => {
    const open = { is_installed: true, is_renting: true, is_returning: true }
    for (const status of WORDS) {
      const closed = (CLOSED_STATUSES as readonly string[]).includes(status.toUpperCase())
      expect([status, rule({ ...open, status })]).toEqual([status, !closed])
    }
  })

  test('a closed word of the feed closes also beside a clear flag', () => {
    const half = { is_installed: true, is_renting: true, is_returning: false }
    expect(rule({ ...half, status: 'MAINTENANCE' })).toBe(false)
  })

  test('SQL decides every combination of flags and words in the same way', async () => {
    const rows = CASES.map(({ is_installed, is_renting, is_returning, status }, place) =>
      [place, is_installed, is_renting, is_returning, quote(status)].join(', '),
    )
    const database = await openDuckDb({ threads: 1 })
    try {
      const found = await database.rows(`SELECT place, ${inServiceSql()} AS open
        FROM (VALUES (${rows.join('), (')})) AS t(place, is_installed, is_renting, is_returning, status) ORDER BY place`)
      expect(found.map(({ open }) => open)).toEqual(CASES.map(rule))
      const [unknown] = await database.rows(
        `SELECT ${inServiceSql({ installed: 'NULL', renting: 'NULL', returning: 'NULL', status: 'NULL' })} AS open`,
      )
      expect(unknown!.open).toBe(true)
    } finally {
      await database.close()
    }
  })
})
