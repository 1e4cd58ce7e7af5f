import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { changeLabel, NO_LABEL } from '../../services/domain/forecasting/labels.ts'
import { carryForward, rowAt, type StationGrid } from '../../services/domain/forecasting/station-grid.ts'
import { type Recording, readRecording } from '../../services/train/recording.ts'
import { recordedData } from '../recorded-data.ts'

const recorded = recordedData()

function recordingOf(folder: string, file: string, from?: string): Promise<Recording> {
  const directory = join(recorded!, folder)
  return readRecording({
    status: [join(directory, file)],
    stations: join(directory, 'stations.csv'),
    from: from === undefined ? undefined : Date.parse(from),
  })
}

function persistence(
  grid: StationGrid,
  from: number,
  horizonBins: number,
): { n: number; mae: string; rmse: string } {
  let n = 0
  let sum = 0
  let squares = 0
  for (let row = from; row < grid.bins; row += 1) {
    for (let station = 0; station < grid.stations; station += 1) {
      const change = changeLabel({ grid, row, station, horizonBins })
      if (change === NO_LABEL) continue
      n += 1
      sum += Math.abs(change)
      squares += change * change
    }
  }
  return { n, mae: (sum / n).toFixed(3), rmse: Math.sqrt(squares / n).toFixed(3) }
}

describe('recorded baselines (needs VELOCAST_RECORDED_DATA or ../shared/data)', () => {
  test.skipIf(recorded === null)('Paris, 7 November 2024: the published persistence errors', async () => {
    const { grid, serviceFlags } = await recordingOf(
      'velib-2024-11',
      'status_5min_20241031_20241107.parquet',
      '2024-11-07T00:00:00Z',
    )
    expect(serviceFlags).toBe(true)
    expect(persistence(grid, 0, 3)).toEqual({ n: 116_154, mae: '1.264', rmse: '1.988' })
    expect(persistence(grid, 0, 12)).toEqual({ n: 88_908, mae: '2.659', rmse: '4.198' })
  })

  test.skipIf(recorded === null)('San Francisco, last week, carried 20 minutes: the same', async () => {
    const split = '2023-05-15T07:00:00Z'
    const { grid } = await recordingOf(
      'baywheels',
      'status_20230403_20230522.parquet',
      '2023-05-15T06:30:00Z',
    )
    carryForward(grid, 20)
    const from = rowAt(grid, Date.parse(split))
    expect(persistence(grid, from, 3)).toEqual({ n: 965_513, mae: '0.193', rmse: '0.661' })
    expect(persistence(grid, from, 12)).toEqual({ n: 970_589, mae: '0.560', rmse: '1.399' })
  })

  test.skipIf(recorded === null)(
    'Tokyo: renting and returning are found to be no service flags',
    async () => {
      const { grid, serviceFlags } = await recordingOf('docomo-tokyo', 'status_1min_first13h.parquet')
      expect(serviceFlags).toBe(false)
      expect(grid.bikes.some((bikes, cell) => bikes === 0 && grid.service[cell] === 1)).toBe(true)
    },
  )
})
