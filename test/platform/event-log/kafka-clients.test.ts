import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test('every kafkajs client is made where its timers are mended first: elsewhere it warns on stderr', () => {
  const makes = ['services', 'test'].flatMap((floor) =>
    readdirSync(floor, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(floor, name))
      .filter((path) =>
        /= new (kafkajs\.)?Kafka\(|return new (kafkajs\.)?Kafka\(/.test(readFileSync(path, 'utf8')),
      ),
  )
  expect(makes.sort()).toEqual([
    'services/platform/event-log/kafka/connection.ts',
    'test/stack/kafka-client.ts',
  ])
})
