import { expect, test } from 'vitest'
import { type EventSink, Listener, MAX_TICKS_BEHIND } from '../../services/api/live/listener.ts'

/** A client that takes what is written until `full` says otherwise. */
class Sink implements EventSink {
  full = false
  written: string[] = []
  ended = false
  destroyed = false
  readonly #callbacks = new Map<string, () => void>()

  get writableNeedDrain(): boolean {
    return this.full
  }
  write(text: string): boolean {
    this.written.push(text)
    return !this.full
  }
  end(): void {
    this.ended = true
  }
  destroy(): void {
    this.destroyed = true
  }
  on(event: string, callback: () => void): void {
    this.#callbacks.set(event, callback)
  }
  drain(): void {
    this.full = false
    this.#callbacks.get('drain')?.()
  }
}

test('a client gets the whole state once, then changes', () => {
  const sink = new Sink()
  let newest: string | null = null
  const listener = new Listener({ sink, newest: () => newest })
  listener.catchUp()
  expect(sink.written).toEqual([])
  newest = 'whole 1'
  listener.catchUp()
  listener.catchUp()
  listener.change('change 2')
  expect(sink.written).toEqual(['whole 1', 'change 2'])
})

test('a client that reads slowly gets nothing more until it has read, then the whole newest state', () => {
  const sink = new Sink()
  let newest = 'whole 1'
  const listener = new Listener({ sink, newest: () => newest })
  listener.catchUp()
  sink.full = true
  for (let sequence = 2; sequence < 500; sequence += 1) {
    newest = `whole ${sequence}`
    listener.change(`change ${sequence}`)
    listener.heartbeat('heartbeat')
  }
  expect(sink.written).toEqual(['whole 1'])
  sink.drain()
  expect(sink.written).toEqual(['whole 1', 'whole 499'])
  listener.change('change 500')
  expect(sink.written.at(-1)).toBe('change 500')
})

test('a client that does not read for half a minute must go, and one that catches up in time stays', () => {
  const sink = new Sink()
  const listener = new Listener({ sink, newest: () => 'whole' })
  sink.full = true
  const ticks = Array.from({ length: MAX_TICKS_BEHIND }, () => listener.tick())
  expect(ticks.every(Boolean)).toBe(true)
  sink.drain()
  expect(listener.tick()).toBe(true)
  sink.full = true
  for (let tick = 0; tick < MAX_TICKS_BEHIND; tick += 1) listener.tick()
  expect(listener.tick()).toBe(false)
})
