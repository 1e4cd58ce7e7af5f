/** Folder of a system's hour aggregates: one object an hour holds every kind. */
export function aggregateFolder(system: string): string {
  return `${system}/monitoring/aggregates/hour/`
}

/** `…/2024-11-05T07.json`; `hour` is epoch ms. */
export function aggregatePath(system: string, hour: number): string {
  return `${aggregateFolder(system)}${hourName(hour)}.json`
}

/** `YYYY-MM-DDTHH` of an hour, epoch ms. */
export function hourName(hour: number): string {
  return new Date(hour).toISOString().slice(0, 13)
}

/** Epoch ms of `YYYY-MM-DDTHH`; null when it is none. */
export function hourOfName(name: string): number | null {
  const utc = /^\d{4}-\d{2}-\d{2}T\d{2}$/.test(name) ? Date.parse(`${name}:00:00Z`) : Number.NaN
  return Number.isNaN(utc) ? null : utc
}
