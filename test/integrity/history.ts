const FIVE_MINUTES = 300_000
const TWO_MINUTES = 120_000
const ONE_DAY = 86_400_000
/** Bins that a window keeps: the newest and 48 before it. */
const WINDOW_BINS = 49

/** A station in an answer, as it was sent. Counts null where the answer had none. */
export interface SentStation {
  station_id: string
  bikes: number | null
  docks: number | null
  ebike: number
}

/** One answer that a feed gave; times are epoch ms. `stations` are those that are fit to be taken. */
export interface SentPoll {
  system: string
  fetched_utc: number
  published_utc: number | null
  /** Stands for the whole answer: equal for answers that are equal, byte for byte. */
  content: string
  stations: SentStation[]
}

/** An observation as it was found in a file or in a window. */
export interface FoundRow extends SentStation {
  system: string
  ts_utc: number
  tbin_utc: number
  fetched_utc: number
}

export interface FoundPoll {
  system: string
  poll_id: string
  outcome: string
  fetched_utc: number
  rows: number
}

/** What a run left behind. */
export interface Found {
  /** Rows of the compacted files: each exactly once. */
  daily: readonly FoundRow[]
  /** Rows of the parts that are not compacted yet: each at least once, the last of them is what counts. */
  parts: readonly FoundRow[]
  /** Poll records: each answer at least once, repeated only as itself. */
  polls: readonly FoundPoll[]
  /** Slots of the rolling windows. */
  windows: readonly FoundRow[]
  /** Content hashes by path: files, artefacts, look-ups. */
  contents: Readonly<Record<string, string>>
}

export type Rule =
  | 'lost'
  | 'twice'
  | 'foreign'
  | 'not the last'
  | 'poll lost'
  | 'poll foreign'
  | 'poll contradicts itself'
  | 'window lost'
  | 'window foreign'
  | 'window not the last'
  | 'content lost'
  | 'content foreign'
  | 'content differs'

export interface Violation {
  rule: Rule
  /** What breaks it: a station's bin, a poll or a path. */
  where: string
}

/**
 * Judges what a run left behind against what was sent: every observation is there exactly once, the last of a bin wins,
 * nothing is there that was not sent; the windows hold the newest 49 bins of it; and every content equals that of
 * `reference`, a run that nothing befell. Knows the rules of event time and of repeated answers from the documents, not
 * from the code that it judges. Gives every violation, none when the history is whole.
 */
export function judge({
  sent,
  found,
  reference,
}: {
  sent: readonly SentPoll[]
  found: Found
  reference?: Found['contents']
}): Violation[] {
  const { expected, answers } = expectations(sent)
  return [
    ...judgeRows(expected, found),
    ...judgePolls(answers, found.polls),
    ...judgeWindows(expected, found.windows),
    ...(reference === undefined ? [] : judgeContents(reference, found.contents)),
  ]
}

/** Violations by rule with the first three places of each: short enough for a test's message. */
export function summary(violations: readonly Violation[]): Record<string, string> {
  const byRule = Map.groupBy(violations, ({ rule }) => rule)
  const lines = [...byRule].map(([rule, those]) => {
    const places = those.slice(0, 3).map(({ where }) => where)
    return [rule, `${those.length}: ${places.join(', ')}`]
  })
  return Object.fromEntries(lines)
}

interface Expectations {
  /** The last observation of each system, station and bin. */
  expected: Map<string, FoundRow>
  /** Rows that each answer brought, by system and fetch time; null for one that repeats the answer before it. */
  answers: Map<string, number | null>
}

function expectations(sent: readonly SentPoll[]): Expectations {
  const expected = new Map<string, FoundRow>()
  const answers = new Map<string, number | null>()
  const before = new Map<string, string>()
  const inOrder = [...sent].sort((a, b) => a.fetched_utc - b.fetched_utc)
  for (const { system, fetched_utc, published_utc, content, stations } of inOrder) {
    const answer = `${system} ${fetched_utc}`
    if (published_utc !== null && before.get(system) === content) {
      answers.set(answer, null)
      continue
    }
    if (published_utc !== null && published_utc > fetched_utc + ONE_DAY) {
      answers.set(answer, 0)
      continue
    }
    before.set(system, content)
    answers.set(answer, stations.length)
    const ahead = published_utc === null || published_utc > fetched_utc + TWO_MINUTES
    const ts_utc = ahead ? fetched_utc : published_utc
    const tbin_utc = Math.floor(ts_utc / FIVE_MINUTES) * FIVE_MINUTES
    for (const station of stations) {
      const row = { system, ts_utc, tbin_utc, fetched_utc, ...station }
      const known = expected.get(keyOf(row))
      if (known === undefined || isLater(row, known)) expected.set(keyOf(row), row)
    }
  }
  return { expected, answers }
}

function judgeRows(expected: Map<string, FoundRow>, { daily, parts }: Found): Violation[] {
  const violations: Violation[] = []
  const last = new Map<string, FoundRow>()
  for (const row of daily) {
    const key = keyOf(row)
    if (last.has(key)) violations.push({ rule: 'twice', where: key })
    last.set(key, row)
  }
  for (const row of parts) {
    const known = last.get(keyOf(row))
    if (known === undefined || isLater(row, known)) last.set(keyOf(row), row)
  }
  for (const [key, row] of last) {
    const wanted = expected.get(key)
    if (wanted === undefined) violations.push({ rule: 'foreign', where: key })
    else if (!isSame(row, wanted)) violations.push({ rule: 'not the last', where: key })
  }
  for (const key of expected.keys()) if (!last.has(key)) violations.push({ rule: 'lost', where: key })
  return violations
}

function judgePolls(answers: Map<string, number | null>, polls: readonly FoundPoll[]): Violation[] {
  const violations: Violation[] = []
  const seen = new Map<string, FoundPoll>()
  for (const poll of polls) {
    const key = `${poll.system} ${poll.fetched_utc}`
    const known = seen.get(key)
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(poll))
      violations.push({ rule: 'poll contradicts itself', where: key })
    seen.set(key, poll)
    if (!answers.has(key)) violations.push({ rule: 'poll foreign', where: key })
    else if (poll.rows !== (answers.get(key) ?? 0))
      violations.push({ rule: 'poll contradicts itself', where: `${key} ${poll.outcome}` })
  }
  for (const key of answers.keys()) if (!seen.has(key)) violations.push({ rule: 'poll lost', where: key })
  return violations
}

function judgeWindows(expected: Map<string, FoundRow>, windows: readonly FoundRow[]): Violation[] {
  const violations: Violation[] = []
  const newest = new Map<string, number>()
  for (const { system, tbin_utc } of expected.values())
    newest.set(system, Math.max(tbin_utc, newest.get(system) ?? 0))
  const found = new Map(windows.map((row) => [keyOf(row), row]))
  for (const [key, row] of found) {
    const wanted = expected.get(key)
    if (wanted === undefined) violations.push({ rule: 'window foreign', where: key })
    else if (!isSame(row, wanted)) violations.push({ rule: 'window not the last', where: key })
  }
  for (const [key, { system, tbin_utc }] of expected) {
    const reach = (newest.get(system) ?? 0) - (WINDOW_BINS - 1) * FIVE_MINUTES
    if (tbin_utc >= reach && !found.has(key)) violations.push({ rule: 'window lost', where: key })
  }
  return violations
}

function judgeContents(reference: Found['contents'], contents: Found['contents']): Violation[] {
  const violations: Violation[] = []
  for (const [path, content] of Object.entries(reference)) {
    if (contents[path] === undefined) violations.push({ rule: 'content lost', where: path })
    else if (contents[path] !== content) violations.push({ rule: 'content differs', where: path })
  }
  for (const path of Object.keys(contents))
    if (reference[path] === undefined) violations.push({ rule: 'content foreign', where: path })
  return violations
}

function keyOf({ system, station_id, tbin_utc }: FoundRow): string {
  return `${system}/${station_id} ${new Date(tbin_utc).toISOString()}`
}

function isLater(a: FoundRow, b: FoundRow): boolean {
  return a.ts_utc === b.ts_utc ? a.fetched_utc > b.fetched_utc : a.ts_utc > b.ts_utc
}

function isSame(a: FoundRow, b: FoundRow): boolean {
  return (
    a.ts_utc === b.ts_utc &&
    a.fetched_utc === b.fetched_utc &&
    a.bikes === b.bikes &&
    a.docks === b.docks &&
    a.ebike === b.ebike
  )
}
