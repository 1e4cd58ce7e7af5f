import { expect, test } from 'vitest'
import { type LevelInput, levelOf } from '../../services/domain/levels.ts'

const station = (over: Partial<LevelInput>): LevelInput => ({
  bikes: 8,
  docks: 8,
  capacity: 20,
  is_installed: true,
  is_renting: true,
  is_returning: true,
  ...over,
})

test.each([
  ['empty', { bikes: 0 }],
  ['empty', { bikes: 0, docks: 0 }],
  ['low', { bikes: 2 }],
  ['low', { bikes: 1, docks: 1 }],
  ['normal', {}],
  ['normal', { docks: null, capacity: null }],
  ['nearly_full', { docks: 2 }],
  ['nearly_full', { bikes: 18, docks: null }],
  ['full', { docks: 0 }],
  ['full', { bikes: 25, docks: null }],
  ['unknown', { bikes: null }],
  ['full', { bikes: null, docks: 0 }],
  ['closed', { is_installed: false }],
  ['closed', { is_renting: false, is_returning: false }],
  ['empty', { bikes: 0, is_renting: false }],
  ['full', { docks: 0, is_returning: false }],
] as const)('a station is %s with %j', (level, over) => {
  expect(levelOf(station(over))).toBe(level)
})

test('thresholds move where low and nearly full begin, and nothing else', () => {
  const thresholds = { penury: 5, saturation: 0 }
  expect(levelOf(station({ bikes: 5 }), thresholds)).toBe('low')
  expect(levelOf(station({ docks: 1 }), thresholds)).toBe('normal')
  expect(levelOf(station({ bikes: 0 }), thresholds)).toBe('empty')
})
