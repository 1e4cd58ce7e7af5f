const WIDTH = 720
const HEIGHT = 200
const LEFT = 48
const BAR = (WIDTH - LEFT) / 24
const GOOD = '#1f7a4d'
const BAD = '#b3261e'
const LINE = '#8b949e'

/** Lift over persistence by local hour, as an SVG that stands by itself: green bars up, red ones down. */
export function hourPlot(hours: readonly { hour: number; lift: number; n: number }[]): string {
  const largest = Math.max(0.01, ...hours.map(({ lift }) => Math.abs(lift)))
  const middle = HEIGHT / 2
  const scale = (middle - 20) / largest
  const bars = hours.map(({ hour, lift, n }) => {
    const height = Math.abs(lift) * scale
    const y = lift >= 0 ? middle - height : middle
    const x = LEFT + hour * BAR
    const label = `${hour} h: ${percent(lift)} of ${n} rows`
    return `<g><title>${label}</title><rect x="${(x + 3).toFixed(1)}" y="${y.toFixed(1)}" width="${(BAR - 6).toFixed(1)}" height="${height.toFixed(1)}" fill="${lift >= 0 ? GOOD : BAD}"/><text x="${(x + BAR / 2).toFixed(1)}" y="${HEIGHT - 2}" text-anchor="middle" font-size="11">${hour}</text></g>`
  })
  const mark = (value: number): string =>
    `<text x="${LEFT - 6}" y="${(middle - value * scale + 4).toFixed(1)}" text-anchor="end" font-size="11">${percent(value)}</text>`
  const axis = `<line x1="${LEFT}" x2="${WIDTH}" y1="${middle}" y2="${middle}" stroke="${LINE}"/>`
  const body = `${mark(largest)}${mark(0)}${mark(-largest)}${axis}${bars.join('')}`
  return svg({ height: HEIGHT, label: 'Lift by local hour', body })
}

/** Named shares of a whole, largest first, as an SVG that stands by itself. */
export function sharePlot({
  label,
  shares,
}: {
  label: string
  shares: readonly { name: string; share: number }[]
}): string {
  const row = 18
  const names = 160
  const largest = Math.max(1e-9, ...shares.map(({ share }) => share))
  const bars = shares.map(({ name, share }, place) => {
    const y = place * row
    const width = (share / largest) * (WIDTH - names - 60)
    return `<text x="${names - 6}" y="${y + 13}" text-anchor="end" font-size="11">${name}</text><rect x="${names}" y="${y + 3}" width="${width.toFixed(1)}" height="${row - 6}" fill="${GOOD}"/><text x="${(names + width + 6).toFixed(1)}" y="${y + 13}" font-size="11">${percent(share)}</text>`
  })
  return svg({ height: row * shares.length, label, body: bars.join('') })
}

function svg({ height, label, body }: { height: number; label: string; body: string }): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${label}" font-family="system-ui, sans-serif">${body}</svg>`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
