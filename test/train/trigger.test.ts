import fc from 'fast-check'
import { expect, test } from 'vitest'
import { retrainingTrigger, type TriggerInput } from '../../services/train/trigger.ts'

const DAY = 86_400_000
const NOW = Date.parse('2026-06-15T00:00:00Z')
const LIMITS = { cooldownMs: 7 * DAY, psi: 0.25, decayShare: 0.5 }
const CALM: TriggerInput = {
  drift: { windowEnd: NOW, psi: 0.05, matched: 1 },
  skill: [{ horizon: 60, n: 100_000, lift: 0.15 }],
  serving: { cutOff: NOW - 30 * DAY, lifts: new Map([[60, 0.16]]) },
  lastRun: NOW - 30 * DAY,
  now: NOW,
  limits: LIMITS,
}
const drifted: TriggerInput = { ...CALM, drift: { windowEnd: NOW, psi: 0.4, matched: 0.95 } }
const decayed: TriggerInput = { ...CALM, skill: [{ horizon: 60, n: 100_000, lift: 0.05 }] }

test('a calm system asks for nothing; drift and decay each ask, decay first', () => {
  expect(retrainingTrigger(CALM)).toBeNull()
  expect(retrainingTrigger(drifted)?.trigger).toBe('drift')
  expect(retrainingTrigger(decayed)?.trigger).toBe('decay')
  expect(retrainingTrigger({ ...drifted, skill: decayed.skill })?.trigger).toBe('decay')
})

test('a model that is now worse than persistence has decayed, whatever it promised', () => {
  const skill = [{ horizon: 60, n: 20_000, lift: -0.01 }]
  const serving = { cutOff: CALM.serving!.cutOff, lifts: new Map([[60, -0.001]]) }
  expect(retrainingTrigger({ ...CALM, skill, serving })?.trigger).toBe('decay')
})

test('nothing asks during the cool-down after a run, nor without a serving model', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 5, noNaN: true }),
      fc.double({ min: -1, max: 1, noNaN: true }),
      fc.integer({ min: 0, max: 7 * DAY - 1 }),
      (psi, lift, ago) => {
        const skill = [{ horizon: 60, n: 1_000_000, lift }]
        const all = { ...CALM, drift: { windowEnd: NOW, psi, matched: 1 }, skill }
        expect(retrainingTrigger({ ...all, lastRun: NOW - ago })).toBeNull()
        expect(retrainingTrigger({ ...all, serving: null })).toBeNull()
      },
    ),
  )
})

test('drift says nothing without enough of a reference, nor of data that the model was trained on', () => {
  expect(retrainingTrigger({ ...drifted, drift: { ...drifted.drift!, matched: 0.5 } })).toBeNull()
  expect(retrainingTrigger({ ...drifted, drift: { ...drifted.drift!, psi: null } })).toBeNull()
  expect(retrainingTrigger({ ...drifted, serving: { cutOff: NOW, lifts: new Map() } })).toBeNull()
})

test('few scored forecasts say nothing', () => {
  expect(retrainingTrigger({ ...decayed, skill: [{ horizon: 60, n: 500, lift: -0.5 }] })).toBeNull()
})
