import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../../services/platform/errors.ts'
import type { ObjectStore } from '../../../services/platform/object-store/port.ts'

export interface ObjectStoreFactory {
  /** A store that holds nothing yet. Opened twice with the same name it is the same store, as from another process. */
  open(name: string): Promise<ObjectStore>
  /** A store whose root is not there and cannot be made; absent where there is no such thing. */
  openMissing?(): Promise<ObjectStore>
}

const bytes = (text: string): Buffer => Buffer.from(text)
const failsWith = (code: ErrorCode): unknown => expect.objectContaining({ code })

/** What every object store promises. */
export function describeObjectStore(name: string, factory: ObjectStoreFactory): void {
  describe(`object store: ${name}`, () => {
    let directory = ''
    let count = 0
    const nextName = (): string => {
      count += 1
      return `case-${count}`
    }
    const open = (): Promise<ObjectStore> => factory.open(nextName())
    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'velocast-store-'))
    })
    afterAll(() => rm(directory, { recursive: true, force: true }))

    test('what was put is what is got, with its size and generation', async () => {
      const store = await open()
      const info = await store.put('a/b/c.json', bytes('{"one":1}'), { contentType: 'application/json' })
      expect(await store.get('a/b/c.json')).toEqual({ ...info, bytes: bytes('{"one":1}') })
      expect(info).toMatchObject({ path: 'a/b/c.json', size: 9, generation: expect.any(String) })
    })

    test('an object that is absent is null, also where others stand above and below its path', async () => {
      const store = await open()
      await store.put('a/b/c', bytes('x'))
      expect(await store.get('a/b')).toBeNull()
      expect(await store.get('a/b/c/d')).toBeNull()
      expect(await store.get('z')).toBeNull()
    })

    test('an empty object is an object', async () => {
      const store = await open()
      await store.put('empty', new Uint8Array(0))
      expect(await store.get('empty')).toMatchObject({ size: 0, bytes: bytes('') })
      expect(await store.list('')).toHaveLength(1)
    })

    test('every write changes the generation, also when the bytes are the same', async () => {
      const store = await open()
      const generations = new Set<string>()
      for (let round = 0; round < 20; round += 1)
        generations.add((await store.put('same', bytes('same'))).generation)
      expect(generations.size).toBe(20)
    })

    test('create if absent creates once, and the loser changes nothing', async () => {
      const store = await open()
      await store.put('once', bytes('first'), { ifGeneration: 'absent' })
      await expect(store.put('once', bytes('second'), { ifGeneration: 'absent' })).rejects.toEqual(
        failsWith('store_precondition_failed'),
      )
      expect((await store.get('once'))?.bytes.toString()).toBe('first')
    })

    test('of many writers at once that create if absent exactly one wins', async () => {
      const name = nextName()
      const stores = await Promise.all([factory.open(name), factory.open(name)])
      const writers = Array.from({ length: 8 }, (_, writer) =>
        stores[writer % 2]!.put('prize', bytes(`writer ${writer}`), { ifGeneration: 'absent' }).then(
          () => `writer ${writer}`,
          (error: unknown) => {
            expect(error).toEqual(failsWith('store_precondition_failed'))
            return null
          },
        ),
      )
      const winners = (await Promise.all(writers)).filter((winner) => winner !== null)
      expect(winners).toHaveLength(1)
      expect((await stores[0]!.get('prize'))?.bytes.toString()).toBe(winners[0])
    })

    test('writing over a generation writes over that one only', async () => {
      const store = await open()
      const first = await store.put('state', bytes('1'))
      const second = await store.put('state', bytes('2'), { ifGeneration: first.generation })
      await expect(store.put('state', bytes('3'), { ifGeneration: first.generation })).rejects.toEqual(
        failsWith('store_precondition_failed'),
      )
      expect(await store.get('state')).toEqual({ ...second, bytes: bytes('2') })
      await expect(store.put('none', bytes('3'), { ifGeneration: first.generation })).rejects.toEqual(
        failsWith('store_precondition_failed'),
      )
      expect(await store.get('none')).toBeNull()
    })

    test('counters kept by precondition lose no step, whoever writes', async () => {
      const name = nextName()
      const stores = await Promise.all([factory.open(name), factory.open(name)])
      await stores[0]!.put('counter', bytes('0'))
      const increment = async (store: ObjectStore): Promise<void> => {
        for (;;) {
          const { bytes: text, generation } = (await store.get('counter'))!
          try {
            await store.put('counter', bytes(String(Number(text) + 1)), { ifGeneration: generation })
            return
          } catch (error) {
            expect(error).toEqual(failsWith('store_precondition_failed'))
          }
        }
      }
      await Promise.all(Array.from({ length: 10 }, (_, step) => increment(stores[step % 2]!)))
      expect((await stores[1]!.get('counter'))?.bytes.toString()).toBe('10')
    })

    test('a list holds what starts with the prefix, sorted by bytes', async () => {
      const store = await open()
      const paths = ['a/b/2', 'a/b/10', 'a/bc/1', 'a/b.json', 'A/1', 'é/1', 'b']
      for (const path of paths) await store.put(path, bytes(path))
      const listed = async (prefix: string): Promise<string[]> =>
        (await store.list(prefix)).map(({ path }) => path)
      expect(await listed('')).toEqual(['A/1', 'a/b.json', 'a/b/10', 'a/b/2', 'a/bc/1', 'b', 'é/1'])
      expect(await listed('a/b')).toEqual(['a/b.json', 'a/b/10', 'a/b/2', 'a/bc/1'])
      expect(await listed('a/b/')).toEqual(['a/b/10', 'a/b/2'])
      expect(await listed('a/b/1')).toEqual(['a/b/10'])
      expect(await listed('nothing/')).toEqual([])
    })

    test('a list tells the size and generation that a get tells', async () => {
      const store = await open()
      await store.put('one', bytes('12345'))
      const { bytes: _, ...info } = (await store.get('one'))!
      expect(await store.list('one')).toEqual([info])
    })

    test('a delete takes that generation only, and an absent object is no error', async () => {
      const store = await open()
      const first = await store.put('gone/soon', bytes('1'))
      const second = await store.put('gone/soon', bytes('2'))
      await expect(store.delete('gone/soon', first.generation)).rejects.toEqual(
        failsWith('store_precondition_failed'),
      )
      await store.delete('gone/soon', second.generation)
      expect(await store.get('gone/soon')).toBeNull()
      expect(await store.list('gone')).toEqual([])
      await store.delete('gone/soon', second.generation)
      await store.put('gone/again', bytes('3'), { ifGeneration: 'absent' })
    })

    test('files go up and come down unchanged, with the same preconditions', async () => {
      const store = await open()
      const content = Buffer.alloc(9 * 1024 * 1024, 'velocast')
      const up = join(directory, `up-${count}`)
      const down = join(directory, `down-${count}`)
      await writeFile(up, content)
      const info = await store.upload(up, 'large/file', { ifGeneration: 'absent' })
      expect(info.size).toBe(content.length)
      expect(await store.download('large/file', down)).toEqual(info)
      expect(Buffer.compare(await readFile(down), content)).toBe(0)
      await expect(store.upload(up, 'large/file', { ifGeneration: 'absent' })).rejects.toEqual(
        failsWith('store_precondition_failed'),
      )
      expect((await store.upload(up, 'large/file', { ifGeneration: info.generation })).size).toBe(
        content.length,
      )
    })

    test('a download of an absent object names it', async () => {
      const store = await open()
      await expect(store.download('not/there', join(directory, 'never'))).rejects.toEqual(
        failsWith('store_object_missing'),
      )
    })

    test('a reader sees a whole object or none while it is written over', async () => {
      const store = await open()
      const versions = ['a', 'b'].map((letter) => Buffer.alloc(200_000, letter))
      await store.put('torn', versions[0]!)
      let writing = true
      const writes = (async () => {
        for (let round = 1; round <= 10; round += 1) await store.put('torn', versions[round % 2]!)
        writing = false
      })()
      while (writing) {
        const read = (await store.get('torn'))!.bytes
        expect(versions.some((version) => version.equals(read))).toBe(true)
      }
      await writes
    })

    test.each(['', '/a', 'a/', 'a//b', '../a', 'a/../b', './a', 'a\\b', 'a\nb'])(
      'the path %j is refused',
      async (path) => {
        const store = await open()
        await expect((async () => store.put(path, bytes('x')))()).rejects.toEqual(failsWith('config_invalid'))
      },
    )

    test.runIf(factory.openMissing !== undefined)('a root that is not there is named by a code', async () => {
      const store = factory.openMissing!()
      const missing = failsWith('store_bucket_missing')
      await expect((async () => (await store).put('a', bytes('x')))()).rejects.toEqual(missing)
      await expect((async () => (await store).get('a'))()).rejects.toEqual(missing)
      await expect((async () => (await store).list(''))()).rejects.toEqual(missing)
    })
  })
}
