import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import pLimit from 'p-limit'
import yauzl from 'yauzl'
import { VelocastError } from '../../platform/errors.ts'
import { fileLabel, type RecordingFile } from './recording-file.ts'

const unpack = promisify(gunzip)
/** Largest file that is read, unpacked: three times the status of a city of 100,000 stations. */
const MAX_FILE_BYTES = 128 * 1024 * 1024
const GZIP_MAGIC = 0x1f8b

interface OpenZip {
  path: string
  zip: yauzl.ZipFile
  entries: Map<string, yauzl.Entry>
}

/** Reads files and members of zips, unpacked; several may be asked for at once. Keeps one zip open. Throws `replay_unreadable`. */
export class FileContents {
  #open: OpenZip | null = null
  /** The next zip is opened when nothing reads from the one before. */
  readonly #oneMember = pLimit(1)
  #closed = false

  async read(file: RecordingFile): Promise<Buffer> {
    try {
      const bytes =
        file.member === null
          ? await this.#readFile(file)
          : await this.#oneMember(() => this.#readMember(file))
      const packed = bytes.length > 2 && bytes.readUInt16BE(0) === GZIP_MAGIC
      return packed ? await unpack(bytes, { maxOutputLength: MAX_FILE_BYTES }) : bytes
    } catch (cause) {
      if (cause instanceof VelocastError) throw cause
      const tooLarge = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
      throw unreadable({ file, tooLarge, cause })
    }
  }

  /** What was asked for and has not begun fails. */
  close(): void {
    this.#closed = true
    this.#closeZip()
  }

  async #readFile(file: RecordingFile): Promise<Buffer> {
    if (file.size > MAX_FILE_BYTES) throw unreadable({ file, tooLarge: true })
    return readFile(file.path)
  }

  async #readMember(file: RecordingFile): Promise<Buffer> {
    const { zip, entries } = await this.#zip(file.path)
    const entry = entries.get(file.member ?? '')
    if (entry === undefined) throw new Error('member is gone from the zip')
    if (entry.uncompressedSize > MAX_FILE_BYTES) throw unreadable({ file, tooLarge: true })
    const chunks: Buffer[] = []
    for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks)
  }

  #closeZip(): void {
    this.#open?.zip.close()
    this.#open = null
  }

  async #zip(path: string): Promise<OpenZip> {
    if (this.#open?.path === path) return this.#open
    this.#closeZip()
    if (this.#closed) throw new Error('recording was closed')
    const zip = await yauzl.openPromise(path, { lazyEntries: true, autoClose: false })
    const entries = new Map<string, yauzl.Entry>()
    for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry)
    this.#open = { path, zip, entries }
    return this.#open
  }
}

function unreadable({
  file,
  tooLarge,
  cause,
}: {
  file: RecordingFile
  tooLarge: boolean
  cause?: unknown
}): VelocastError {
  const reason = tooLarge ? `is larger than ${MAX_FILE_BYTES} bytes` : `can't be read (${String(cause)})`
  return new VelocastError({
    code: 'replay_unreadable',
    message: `recorded file ${reason}: record it again or leave it out, got ${fileLabel(file)}`,
    cause,
    data: { tooLarge },
  })
}
