/** A file that tells something about polls: from `time` (epoch ms) on, until the next one. */
export interface TimedFile<File> {
  file: File
  time: number
}

/**
 * What a poll's companion files say as of the poll: the newest not later than it. Before the first: the first's when
 * `before` is `first`, else null. Holds what one file said; files are read when they are first needed.
 */
export class Companion<File, Content> {
  readonly #files: TimedFile<File>[]
  readonly #load: (file: File, time: number) => Promise<Content | null>
  readonly #before: 'first' | 'nothing'
  #current: { index: number; content: Content | null } = { index: -1, content: null }

  /** `load` gives null for a file that says nothing: what was known stays. */
  constructor({
    files,
    load,
    before,
  }: {
    files: TimedFile<File>[]
    load: (file: File, time: number) => Promise<Content | null>
    before: 'first' | 'nothing'
  }) {
    this.#files = files.toSorted((a, b) => a.time - b.time)
    this.#load = load
    this.#before = before
  }

  /** As of `time`, which grows from call to call. The same object until a newer file speaks. */
  async at(time: number): Promise<Content | null> {
    const newest = this.#files.findLastIndex((file) => file.time <= time)
    const wanted = newest === -1 && this.#before === 'first' && this.#files.length > 0 ? 0 : newest
    const { index } = this.#current
    if (wanted === -1 || wanted <= index) return this.#current.content
    for (let candidate = wanted; candidate > index; candidate--) {
      const { file, time: fileTime } = this.#files[candidate]!
      const content = await this.#load(file, fileTime)
      if (content === null) continue
      this.#current = { index: wanted, content }
      return content
    }
    this.#current = { index: wanted, content: this.#current.content }
    return this.#current.content
  }
}
