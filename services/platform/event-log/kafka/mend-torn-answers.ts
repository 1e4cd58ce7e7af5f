import { createRequire } from 'node:module'

interface Connection {
  bytesBuffered: number
  bytesNeeded: number
  chunks: Buffer[]
  isConnected(): boolean
  connect(): Promise<unknown>
}

/** An answer begins with its length. */
const LENGTH_BYTES = 4
const MENDED = Symbol('mended')

/**
 * kafkajs 2.2.4 keeps the beginning of an answer whose connection ended in the middle of it, and reads what the next
 * connection brings as the rest: no answer fits its request from then on, for as long as the process lives. A new
 * connection begins with nothing here. Throws when kafkajs is no longer made so.
 */
export function mendTornAnswers(): void {
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/connection') as {
    prototype: Connection & { [MENDED]?: boolean }
  }
  if (prototype[MENDED] === true) return
  const { connect } = prototype
  if (typeof connect !== 'function' || typeof prototype.isConnected !== 'function')
    throw new Error('kafkajs has no connection to mend')
  prototype.connect = function (this: Connection) {
    if (!('chunks' in this && 'bytesBuffered' in this && 'bytesNeeded' in this))
      throw new Error('kafkajs keeps its answers elsewhere')
    if (!this.isConnected()) Object.assign(this, { chunks: [], bytesBuffered: 0, bytesNeeded: LENGTH_BYTES })
    return connect.call(this)
  }
  prototype[MENDED] = true
}
