import { join } from 'node:path'
import { cached } from './cache.ts'
import { findCommand, run } from './command.ts'
import { UnavailableError } from './unavailable.ts'

const client = '2.15.0'
const avro = '1.13.1'

/** One record as an independent client reads it, through the schema that the record names. */
export type ConsumedRecord = {
  partition: number
  offset: number
  /** Milliseconds since 1970, and whether the producer or the broker set it. */
  timestamp: number
  timestampType: 'CreateTime' | 'LogAppendTime' | 'none'
  key: string | null
  headers: Record<string, string>
  schemaId: number | null
  /** Bytes as `{ "base64": … }`; null is a tombstone. */
  value: unknown
}

export type ConsumeOptions = {
  brokers: string[]
  registryUrl: string
  topic: string
  /** Ends after this many records, at most `timeoutSeconds` (30) after its start. */
  count: number
  timeoutSeconds?: number
}

/**
 * Reads a topic from its beginning with Confluent's Python client and its Avro deserializer.
 * @throws UnavailableError when Python or the client cannot be had; Error when fewer records came in time
 */
export async function consumeWithPython(options: ConsumeOptions): Promise<ConsumedRecord[]> {
  const python = await ensurePythonClient()
  const { brokers, registryUrl, topic, count, timeoutSeconds = 30 } = options
  const script = join(import.meta.dirname, 'consumer.py')
  const args = [brokers.join(','), registryUrl, topic, String(count), String(timeoutSeconds)]
  const output = await run({ command: python, args: [script, ...args] })
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ConsumedRecord)
}

/**
 * Path of a Python that has confluent-kafka with Avro, in a cached virtual environment.
 * @throws UnavailableError
 */
export async function ensurePythonClient(): Promise<string> {
  const directory = await cached(`python-confluent-kafka-${client}`, async (partial) => {
    const python = await findCommand('python3')
    if (!python) {
      const remedy = 'install Python 3.10 or later with its venv module'
      throw new UnavailableError({ name: 'python', reason: 'python3 is not on PATH', remedy })
    }
    const packages = [`confluent-kafka[avro]==${client}`, `fastavro==${avro}`]
    const install = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--only-binary',
      ':all:',
    ]
    try {
      await run({ command: python, args: ['-m', 'venv', partial] })
      await run({ command: join(partial, 'bin', 'python'), args: [...install, ...packages] })
    } catch (cause) {
      const reason = `confluent-kafka ${client} could not be installed: ${(cause as Error).message}`
      const remedy = 'install the venv module of Python and give pip access to its package index'
      throw new UnavailableError({ name: 'python', reason, remedy }, { cause })
    }
  })
  return join(directory, 'bin', 'python')
}
