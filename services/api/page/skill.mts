import type { ModelReport } from '../model-report.ts'
import type { City } from './city.ts'
import { byId, element } from './elements.mts'
import { type SkillLine, skillWords } from './skill.ts'

/** A model is learned within minutes, and then scored by the hour. */
const LEARNING_MS = 3000
const SETTLED_MS = 60_000

/** Asks for a system's model now and then, until `stop` is called. What cannot be had is asked for again. */
export function followModel({ system, update }: { system: string; update: (report: ModelReport) => void }): {
  stop: () => void
} {
  let timer: ReturnType<typeof setTimeout> | undefined
  let stopped = false
  const ask = async (): Promise<void> => {
    let wait = SETTLED_MS
    try {
      const answer = await fetch(`/v1/systems/${encodeURIComponent(system)}/model`)
      const report = answer.ok ? ((await answer.json()) as ModelReport) : null
      if (stopped) return
      if (report !== null) update(report)
      const state = report?.first_minutes?.state
      if (state === 'history' || state === 'training') wait = LEARNING_MS
    } catch {
      // The server is away: said by the connection state.
    }
    if (!stopped) timer = setTimeout(ask, wait)
  }
  void ask()
  return {
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

/** The part "model against persistence"; hidden where there is nothing to say. */
export function showSkill({ city, report }: { city: City | null; report: ModelReport | null }): void {
  const place = byId('skill')
  const state = city?.update.state ?? null
  const words =
    city === null || state === null || report === null
      ? null
      : skillWords({
          report,
          simulated: state.source === 'simulate' || report.first_minutes !== null,
          served: Object.values(state.model_versions),
          zone: city.update.timezone,
        })
  place.hidden = words === null
  const key = JSON.stringify(words)
  if (words === null || place.dataset.key === key) return
  place.dataset.key = key
  const { status, trained, lines } = words
  place.replaceChildren(
    element('div', {
      className: 'skill-words',
      children: [
        element('h2', { text: 'Model against persistence' }),
        element('p', { text: status, attributes: { id: 'skill-status' } }),
        ...(trained === '' ? [] : [element('p', { text: trained, className: 'quiet' })]),
      ],
    }),
    ...lines.map(figureOf),
  )
}

function figureOf({ horizon, model, persistence, change, better, measured }: SkillLine): HTMLElement {
  return element('div', {
    className: 'skill-figure',
    attributes: { 'data-horizon': String(horizon) },
    children: [
      element('span', { text: `Mean error in ${horizon} min` }),
      element('strong', {
        children: [
          element('b', { text: change, attributes: { 'data-better': String(better) } }),
          document.createTextNode(` ${model} against ${persistence} bikes`),
        ],
      }),
      element('small', { text: measured }),
    ],
  })
}
