import { openLocalStore } from '../../../services/platform/object-store/local.ts'

/** Adds 50 to the counter below the root of the first argument, telling its parent after each step. */
const store = await openLocalStore({ root: process.argv[2]! })
for (let steps = 0; steps < 50; ) {
  const { bytes, generation } = (await store.get('counter'))!
  try {
    await store.put('counter', Buffer.from(String(Number(bytes) + 1)), { ifGeneration: generation })
    steps += 1
    process.send!(steps)
  } catch {}
}
process.disconnect()
