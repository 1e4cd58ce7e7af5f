import { describe, expect, test } from 'vitest'
import { WriteQueue } from '../../../services/platform/event-log/in-process/write-queue.ts'

/** A queue over a list: what a transaction did, and what was told to be durable. */
function openQueue(sync: () => Promise<void> = async () => {}) {
  const transactions: string[][] = []
  const durable: string[] = []
  let running: string[] = []
  const queue = new WriteQueue({
    transaction(work) {
      running = []
      work()
      const written = running
      transactions.push(written)
      return () => durable.push(...written)
    },
    sync,
  })
  const add = (name: string): Promise<void> => queue.add(() => void running.push(name))
  return { queue, add, transactions, durable }
}

describe('writes of one turn', () => {
  test('are one transaction, in their order, and resolve once it is durable', async () => {
    const { add, transactions, durable } = openQueue()
    await Promise.all(['a', 'b', 'c'].map(add))
    expect(transactions).toEqual([['a', 'b', 'c']])
    expect(durable).toEqual(['a', 'b', 'c'])
  })

  test('that come while the disk is synced are the next transaction', async () => {
    const first = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    let syncs = 0
    const { add, transactions, durable } = openQueue(() => {
      syncs += 1
      begun.resolve()
      return syncs === 1 ? first.promise : Promise.resolve()
    })
    const a = add('a')
    await begun.promise
    const others = Promise.all([add('b'), add('c')])
    expect(durable).toEqual([])
    first.resolve()
    await Promise.all([a, others])
    expect(transactions).toEqual([['a'], ['b', 'c']])
    expect(syncs).toBe(2)
  })

  test('that are flushed are durable after those before them, whichever sync ends first', async () => {
    const first = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    let syncs = 0
    const { queue, add, durable } = openQueue(() => {
      syncs += 1
      begun.resolve()
      return syncs === 1 ? first.promise : Promise.resolve()
    })
    const a = add('a')
    await begun.promise
    const b = add('b')
    queue.flush()
    await new Promise((resolve) => setImmediate(resolve))
    expect(durable).toEqual([])
    first.resolve()
    await Promise.all([a, b])
    await queue.idle()
    expect(durable).toEqual(['a', 'b'])
  })
})

describe('a write that fails', () => {
  test('fails alone: the others of its transaction are made without it', async () => {
    const { queue, add, durable } = openQueue()
    const results = await Promise.allSettled([
      add('a'),
      queue.add(() => {
        throw new Error('full')
      }),
      add('b'),
    ])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(durable).toEqual(['a', 'b'])
  })

  test('to be synced is told so', async () => {
    const { add } = openQueue(async () => {
      throw new Error('disk')
    })
    await expect(add('a')).rejects.toThrow('disk')
  })
})
