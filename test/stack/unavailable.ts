export const serverNames = ['kafka', 'registry', 'redis', 'gcs'] as const
export type ServerName = (typeof serverNames)[number]

/** Why something cannot be had on this machine, and what would change that. */
export type Unavailable = { name: string; reason: string; remedy: string }

/** Thrown when a program, package or server cannot be had here; never for one that was had and then failed. */
export class UnavailableError extends Error {
  readonly unavailable: Unavailable

  constructor(unavailable: Unavailable, options?: ErrorOptions) {
    super(`${unavailable.name} is unavailable: ${unavailable.reason}; ${unavailable.remedy}`, options)
    this.name = 'UnavailableError'
    this.unavailable = unavailable
  }
}
