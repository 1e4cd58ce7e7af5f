import { openMemoryWindowStore } from '../../../services/platform/window-store/memory.ts'
import { describeWindowStore } from '../window-store.conformance.ts'

describeWindowStore('memory', async () => {
  const store = openMemoryWindowStore()
  return { store, empty: async () => store.clear(), close: () => store.close() }
})
