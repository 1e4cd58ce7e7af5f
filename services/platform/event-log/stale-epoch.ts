import { VelocastError } from '../errors.ts'

/** `log_stale_epoch`: another member owns the partitions now, or soon will. */
export function staleEpoch(group: string, epoch: number): VelocastError {
  return new VelocastError({
    code: 'log_stale_epoch',
    message: `epoch of group ${group} has ended, drop its state and wait for the new assignment: ${epoch}`,
    data: { group, epoch },
  })
}

/** `log_stale_epoch`: a commit for a partition that the member does not have in this epoch. */
export function notOwned(group: string, epoch: number, topic: string, partition: number): VelocastError {
  return new VelocastError({
    code: 'log_stale_epoch',
    message: `group ${group} does not own this partition in epoch ${epoch}: ${topic}/${partition}`,
    data: { group, epoch, topic, partition },
  })
}
