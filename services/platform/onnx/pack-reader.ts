import type { ModelListVersion } from '../../domain/model-pack.ts'
import { VelocastError } from '../errors.ts'
import type { ObjectStore } from '../object-store/port.ts'
import type { ModelShape } from './inference-worker.ts'
import { sha256 } from './persistence-pack.ts'

/** Reads the files of one pack, and refuses it as `model_pack_invalid` with its path and every fault. */
export class PackReader {
  readonly #objects: Pick<ObjectStore, 'get'>
  readonly #entry: { path: string; sha256: string }
  readonly #data: { horizon: number; version: string }

  constructor(
    objects: Pick<ObjectStore, 'get'>,
    { horizon, version }: { horizon: number; version: ModelListVersion },
  ) {
    this.#objects = objects
    this.#entry = version.horizons[horizon]!
    this.#data = { horizon, version: version.version }
  }

  invalid(faults: readonly string[]): VelocastError {
    return new VelocastError({
      code: 'model_pack_invalid',
      message: `model pack ${this.#entry.path} is refused, publish a corrected version: ${faults.join('; ')}`,
      data: this.#data,
    })
  }

  /** The manifest's JSON, proved by the list's SHA-256. */
  async manifest(): Promise<unknown> {
    const bytes = await this.#bytes(this.#entry.path, this.#entry.sha256)
    try {
      return JSON.parse(bytes.toString('utf8'))
    } catch {
      throw this.invalid(['manifest is not JSON'])
    }
  }

  /** A file beside the manifest. */
  file(name: string, digest: string): Promise<Buffer> {
    return this.#bytes(this.#entry.path.replace(/[^/]*$/, name), digest)
  }

  /** What `decode` makes of the bytes; its RangeError refuses the pack. */
  decoded<Value>(decode: (bytes: Buffer) => Value, bytes: Buffer): Value {
    try {
      return decode(bytes)
    } catch (error) {
      if (error instanceof RangeError) throw this.invalid([error.message])
      throw error
    }
  }

  assertShape(model: ModelShape, { input, outputs }: { input: string; outputs: readonly string[] }): void {
    const faults: string[] = []
    if (model.inputs.length !== 1 || model.inputs[0] !== input) {
      faults.push(`model's only input must be ${input}, got ${model.inputs.join(', ')}`)
    }
    for (const name of outputs) {
      if (model.outputs.includes(name)) continue
      faults.push(`model must have the output ${name}, got ${model.outputs.join(', ')}`)
    }
    if (faults.length > 0) throw this.invalid(faults)
  }

  async #bytes(path: string, digest: string): Promise<Buffer> {
    const object = await this.#objects.get(path)
    if (object === null) throw this.invalid([`${path} is missing`])
    const found = sha256(object.bytes)
    if (found !== digest) throw this.invalid([`sha256 of ${path} must be ${digest}, got ${found}`])
    return object.bytes
  }
}
