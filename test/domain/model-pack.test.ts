import { describe, expect, test } from 'vitest'
import { goldenFault, modelListSchema, versionsInForce } from '../../services/domain/model-pack.ts'

const T = Date.parse('2024-11-05T10:00:00Z')
const entry = (version: string, effective_from: string) => ({ version, effective_from, horizons: {} })

describe('model list', () => {
  test('the version in force is the last that began at T or before; one that begins later is never given', () => {
    const list = {
      versions: [
        entry('1.0.0', '2024-11-01T00:00:00Z'),
        entry('3.0.0', '2024-11-05T10:05:00Z'),
        entry('2.0.0', '2024-11-05T10:00:00Z'),
      ],
    }
    const inForce = (tbin: number) => versionsInForce(list, tbin).map(({ version }) => version)
    expect(inForce(T)).toEqual(['2.0.0', '1.0.0'])
    expect(inForce(T - 300_000)).toEqual(['1.0.0'])
    expect(inForce(T + 300_000)).toEqual(['3.0.0', '2.0.0', '1.0.0'])
  })

  test('of two that begin at once the one listed last is in force', () => {
    const from = '2024-11-01T00:00:00Z'
    const versions = versionsInForce({ versions: [entry('1.0.0', from), entry('1.0.1', from)] }, T)
    expect(versions[0]?.version).toBe('1.0.1')
  })

  test('a version that begins within a bin is refused', () => {
    const list = { versions: [entry('1.0.0', '2024-11-01T00:01:00Z')] }
    expect(modelListSchema.safeParse(list).error?.issues[0]?.message).toBe(
      'must be the start of a 5-minute bin',
    )
  })
})

describe('golden outputs', () => {
  const golden = { inputs: [[1], [2]], outputs: { bikes_mean: [10, null] }, tolerance: 0.01 }
  test('are equal within the tolerance, relative above 1, and NaN only equals NaN', () => {
    expect(goldenFault({ golden, actual: { bikes_mean: Float32Array.of(10.09, Number.NaN) } })).toBeNull()
    expect(goldenFault({ golden, actual: { bikes_mean: Float32Array.of(10.2, Number.NaN) } })).toMatch(
      /^golden.outputs.bikes_mean\[0\] must be 10, got 10.1/,
    )
    expect(goldenFault({ golden, actual: { bikes_mean: Float32Array.of(10, 0) } })).toBe(
      'golden.outputs.bikes_mean[1] must be NaN, got 0',
    )
  })

  test('an output that the model did not give is a fault', () => {
    expect(goldenFault({ golden, actual: {} })).toBe('golden.outputs.bikes_mean[0] must be 10, got undefined')
  })
})
