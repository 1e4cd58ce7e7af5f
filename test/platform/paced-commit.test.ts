import { describe, expect, test } from 'vitest'
import { PacedCommit } from '../../services/platform/paced-commit.ts'
import { ControllableClock } from '../api/controllable-clock.ts'

/** Commits what was handled when it begins, as a service does. */
function paced(intervalMs = 5_000) {
  const clock = new ControllableClock(1_000_000)
  const state = { handled: 0, committed: [] as number[], failing: 0, failed: [] as unknown[] }
  const commit = new PacedCommit({
    clock,
    intervalMs,
    commit: async () => {
      const { handled } = state
      if (state.failing > 0) {
        state.failing -= 1
        throw new Error(`no commit of ${handled}`)
      }
      await Promise.resolve()
      state.committed.push(handled)
    },
    failed: (error) => state.failed.push(error),
  })
  const handle = (offset: number): Promise<void> => {
    state.handled = offset
    return commit.due()
  }
  return { clock, commit, state, handle }
}

describe('paced commit', () => {
  test('the first is committed at once, those after it once an interval, the last by itself', async () => {
    const { clock, state, handle } = paced()
    await handle(1)
    expect(state.committed).toEqual([1])
    await handle(2)
    await clock.pass(1_000)
    await handle(3)
    expect(state.committed).toEqual([1])
    await clock.pass(4_000)
    expect(state.committed).toEqual([1, 3])
    expect(clock.sleepers).toBe(0)
    await clock.pass(60_000)
    await handle(4)
    expect(state.committed).toEqual([1, 3, 4])
  })

  test('without an interval each is committed before it returns', async () => {
    const { state, handle } = paced(0)
    for (const offset of [1, 2, 3]) await handle(offset)
    expect(state.committed).toEqual([1, 2, 3])
  })

  test('draining commits what is left, and then nothing waits', async () => {
    const { clock, commit, state, handle } = paced()
    await handle(1)
    await handle(2)
    await commit.drain()
    expect(state.committed).toEqual([1, 2])
    await handle(3)
    expect(state.committed).toEqual([1, 2, 3])
    expect(clock.sleepers).toBe(0)
  })

  test('a run that nobody waits for and that fails is told and tried again; one that is waited for rejects', async () => {
    const { clock, state, handle } = paced()
    await handle(1)
    await handle(2)
    state.failing = 2
    await clock.pass(5_000)
    expect(state.failed).toHaveLength(1)
    expect(state.committed).toEqual([1])
    await clock.pass(20_000)
    expect(state.failed).toHaveLength(2)
    await clock.pass(20_000)
    expect(state.committed).toEqual([1, 2])
    await clock.pass(5_000)
    state.failing = 1
    await expect(handle(3)).rejects.toThrow('no commit of 3')
    expect(state.failed).toHaveLength(2)
  })

  test('runs take turns, and each commits what was handled when it began', async () => {
    const { commit, state } = paced()
    state.handled = 1
    const first = commit.now()
    const second = commit.now()
    await Promise.resolve()
    state.handled = 2
    await Promise.all([first, second])
    expect(state.committed).toEqual([1, 2])
  })

  test('closed, nothing is committed any more', async () => {
    const { clock, commit, state, handle } = paced()
    await handle(1)
    await handle(2)
    await commit.close()
    await clock.pass(60_000)
    await handle(3)
    expect(state.committed).toEqual([1])
    expect(clock.sleepers).toBe(0)
  })
})
