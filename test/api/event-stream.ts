import { type ClientRequest, get, type IncomingMessage } from 'node:http'
import type { CompactState } from '../../services/api/live/compact-state.ts'

export interface StreamEvent {
  name: string
  id: string | null
  data: unknown
}

/** A client of an event stream: what it has received, and a way to wait for more. */
export class EventStreamClient {
  readonly events: StreamEvent[] = []
  status = 0
  headers: IncomingMessage['headers'] = {}
  body = ''
  ended = false
  #text = ''
  #wake: (() => void)[] = []
  readonly #request: ClientRequest

  constructor(url: string) {
    this.#request = get(url, (answer) => {
      this.status = answer.statusCode ?? 0
      this.headers = answer.headers
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => this.#take(chunk))
      answer.on('end', () => this.#finish())
      answer.on('error', () => this.#finish())
      this.#woken()
    })
    this.#request.on('error', () => this.#finish())
  }

  get updates(): CompactState[] {
    return this.events.filter(({ name }) => name === 'update').map(({ data }) => data as CompactState)
  }

  /** Resolves when `condition` holds; checked with everything that arrives. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wake.push(resolve))
  }

  close(): void {
    this.#request.destroy()
  }

  #take(chunk: string): void {
    this.body += chunk
    this.#text += chunk
    const blocks = this.#text.split('\n\n')
    this.#text = blocks.pop() ?? ''
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map((line) => splitField(line)))
      const data = fields.get('data')
      if (data === undefined) continue
      this.events.push({
        name: fields.get('event') ?? '',
        id: fields.get('id') ?? null,
        data: JSON.parse(data),
      })
    }
    this.#woken()
  }

  #finish(): void {
    this.ended = true
    this.#woken()
  }

  #woken(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}

function splitField(line: string): [string, string] {
  const colon = line.indexOf(': ')
  return [line.slice(0, colon), line.slice(colon + 2)]
}
