import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { judgeChallenger } from '../../services/train/gate.ts'
import { ABORT_REASONS } from '../../services/train/training.ts'

const documentation = readFileSync('docs/training.md', 'utf8')

test('docs/training.md names every reason for which a run is aborted, and every check of the gate', () => {
  const figures = { rmse: 1, coverage_80: 0.8, pit_coverage_80: 0.8, ece_bike: 0, ece_dock: 0 }
  const champion = { cells: [], champion: figures, challenger: figures }
  const { checks } = judgeChallenger({ cells: [], challenger: figures, persistenceRmse: 1, champion })
  for (const name of [...ABORT_REASONS, ...checks.map((check) => check.name)]) {
    expect(documentation).toContain(`\`${name}\``)
  }
})
