import { liftInterval } from './day-bootstrap.ts'

/** Absolute errors on the hold-out of one local hour of one local day, all on the same rows; bikes. */
export interface GateCell {
  /** Local hour of T, 0..23. */
  hour: number
  /** `YYYY-MM-DD`, local. */
  day: string
  n: number
  challenger: number
  /** Persistence or the champion. */
  rival: number
}

/** What the gate asks of a band and of probabilities, of the challenger and of the champion alike. */
export interface GateFigures {
  rmse: number
  coverage_80: number
  pit_coverage_80: number
  /** Null where the feed tells nothing to judge by. */
  ece_bike: number | null
  ece_dock: number | null
}

export interface GateInput {
  /** Against persistence. */
  cells: readonly GateCell[]
  challenger: GateFigures
  /** RMSE of persistence on the same rows. */
  persistenceRmse: number
  /** The serving model on the rows of the hold-out that it had not been trained on; null where there is none. */
  champion: {
    cells: readonly GateCell[]
    champion: GateFigures
    /** The challenger's figures on these rows. */
    challenger: GateFigures
  } | null
}

export interface GateLimits {
  /** Rows of the hold-out. */
  rows: number
  /** Days of the hold-out from which noise can be told from loss; below it the limits of `fewDays` hold. */
  days: number
  /** Share by which an hour may be worse than persistence, and than the champion, and still pass. */
  hour: { persistence: number; champion: number }
  /** Least share of what came inside of the 80 % band. */
  coverage: number
  /** Largest distance of the randomised PIT's coverage from 80 %. */
  pit: number
  /** Largest expected calibration error of P(a bike) and of P(a dock). */
  ece: number
  /** How much worse than the champion's the calibration may be: coverage's distance from 80 %, and ECE. */
  calibrationLoss: number
  /** Share by which the mean's RMSE may be larger than the champion's. */
  rmseLoss: number
  fewDays: { hour: number; ece: number }
}

/**
 * Two good models differ by some percent at an hour, a model that is kept at persistence where it knows nothing does not
 * differ from persistence: hence the two tolerances. ECE: the aim is 0.02; beyond 0.05 a probability misleads. With fewer
 * than five days a single day decides.
 */
export const GATE_LIMITS: GateLimits = {
  rows: 1000,
  days: 5,
  hour: { persistence: 0.01, champion: 0.03 },
  coverage: 0.75,
  pit: 0.06,
  ece: 0.05,
  calibrationLoss: 0.02,
  rmseLoss: 0.01,
  fewDays: { hour: 0.2, ece: 0.1 },
}

/** Tail of the draws for one hour: 5 % shared by the 24 of a day. */
const HOUR_TAIL = 0.05 / 24

interface GateCheck {
  name: string
  passed: boolean
  /** What was found and what was asked, for people. */
  detail: string
}

export interface GateVerdict {
  passed: boolean
  checks: GateCheck[]
}

/**
 * Whether a challenger may serve. It must have a smaller MAE (rounded median) than persistence and than the champion,
 * overall; at no local hour be worse than either beyond noise; a smaller RMSE (mean) than persistence; a band and
 * probabilities that hold what they say. A figure that is not a number fails its check.
 */
export function judgeChallenger(input: GateInput, limits: GateLimits = GATE_LIMITS): GateVerdict {
  const { cells, challenger, persistenceRmse, champion } = input
  const rows = cells.reduce((sum, { n }) => sum + n, 0)
  const checks: GateCheck[] = [
    {
      name: 'rows',
      passed: rows >= limits.rows,
      detail: `${rows} rows of the hold-out, at least ${limits.rows}`,
    },
    overall('persistence', cells),
    {
      name: 'persistence_rmse',
      passed: challenger.rmse < persistenceRmse,
      detail: `RMSE ${fixed(challenger.rmse)}, below ${fixed(persistenceRmse)} of persistence`,
    },
    hours('persistence', cells, limits),
    ...calibration(challenger, cells, limits),
  ]
  if (champion !== null) {
    const most = champion.champion.rmse * (1 + limits.rmseLoss)
    checks.push(
      overall('champion', champion.cells),
      {
        name: 'champion_rmse',
        passed: champion.challenger.rmse <= most,
        detail: `RMSE ${fixed(champion.challenger.rmse)}, at most ${fixed(most)} for the champion's ${fixed(champion.champion.rmse)}`,
      },
      hours('champion', champion.cells, limits),
      ...againstChampion(champion, limits),
    )
  }
  return { passed: checks.every(({ passed }) => passed), checks }
}

function overall(rival: 'persistence' | 'champion', cells: readonly GateCell[]): GateCheck {
  const lift = liftOf(cells)
  const interval = liftInterval(byDay(cells))
  return {
    name: `${rival}_overall`,
    passed: lift > 0,
    detail: `MAE ${percent(lift)} below ${nameOf(rival)}${interval === null ? '' : ` (${percent(interval.low)} to ${percent(interval.high)})`}, above 0`,
  }
}

/** An hour is worse beyond noise when its loss is above the tolerance, and no draw of whole days makes it none. */
function hours(
  rival: 'persistence' | 'champion',
  cells: readonly GateCell[],
  { hour: tolerance, days: enough, fewDays }: GateLimits,
): GateCheck {
  const worse: string[] = []
  const byHour = Map.groupBy(cells, ({ hour }) => hour)
  for (const [hour, own] of [...byHour].sort(([a], [b]) => a - b)) {
    const lift = liftOf(own)
    const days = byDay(own)
    const noise =
      days.length < enough
        ? lift >= -fewDays.hour
        : lift >= -tolerance[rival] || (liftInterval(days, HOUR_TAIL)?.high ?? 0) >= 0
    if (!noise) worse.push(`${hour} h ${percent(lift)}`)
  }
  return {
    name: `${rival}_hours`,
    passed: worse.length === 0,
    detail:
      worse.length === 0
        ? `no hour of ${byHour.size} worse than ${nameOf(rival)} beyond noise`
        : `hours worse than ${nameOf(rival)} beyond noise: ${worse.join(', ')}`,
  }
}

function calibration(figures: GateFigures, cells: readonly GateCell[], limits: GateLimits): GateCheck[] {
  const { coverage_80, pit_coverage_80 } = figures
  const ece = byDay(cells).length < limits.days ? limits.fewDays.ece : limits.ece
  return [
    {
      name: 'coverage',
      passed: coverage_80 >= limits.coverage,
      detail: `${percent(coverage_80)} inside of the 80 % band, at least ${percent(limits.coverage)}`,
    },
    {
      name: 'pit',
      passed: Math.abs(pit_coverage_80 - 0.8) <= limits.pit,
      detail: `PIT coverage ${percent(pit_coverage_80)}, within ${percent(limits.pit)} of 80 %`,
    },
    ...(['ece_bike', 'ece_dock'] as const).map((name) => {
      const found = figures[name]
      return {
        name,
        passed: found === null || found <= ece,
        detail: found === null ? 'nothing to judge by' : `${fixed(found)}, at most ${ece}`,
      }
    }),
  ]
}

function againstChampion(
  { champion, challenger }: NonNullable<GateInput['champion']>,
  { calibrationLoss }: GateLimits,
): GateCheck[] {
  const distance = ({ pit_coverage_80 }: GateFigures): number => Math.abs(pit_coverage_80 - 0.8)
  const pairs = [
    ['pit', distance(challenger), distance(champion)],
    ['ece_bike', challenger.ece_bike, champion.ece_bike],
    ['ece_dock', challenger.ece_dock, champion.ece_dock],
  ] as const
  return pairs.flatMap(([name, own, theirs]) => {
    if (own === null || theirs === null) return []
    return [
      {
        name: `champion_${name}`,
        passed: own <= theirs + calibrationLoss,
        detail: `${fixed(own)}, at most ${calibrationLoss} above ${fixed(theirs)} of the champion`,
      },
    ]
  })
}

/** `1 − Σ challenger / Σ rival`; 0 where neither errs, −1 where only the challenger does. */
function liftOf(cells: readonly GateCell[]): number {
  const own = cells.reduce((sum, { challenger }) => sum + challenger, 0)
  const theirs = cells.reduce((sum, { rival }) => sum + rival, 0)
  return theirs > 0 ? 1 - own / theirs : own > 0 ? -1 : 0
}

/** Sums of each day, by name: the order of the cells makes no difference. */
function byDay(cells: readonly GateCell[]): { model: number; persistence: number }[] {
  const days = new Map<string, { model: number; persistence: number }>()
  for (const { day, challenger, rival } of cells) {
    const sums = days.get(day) ?? { model: 0, persistence: 0 }
    sums.model += challenger
    sums.persistence += rival
    days.set(day, sums)
  }
  return [...days].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sums]) => sums)
}

function nameOf(rival: 'persistence' | 'champion'): string {
  return rival === 'champion' ? 'the champion' : rival
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`
}

function fixed(value: number): string {
  return value.toFixed(4)
}
