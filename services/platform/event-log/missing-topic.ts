import { VelocastError } from '../errors.ts'

/** `log_topic_missing`: topics are made by `velocast topics` and at every start. */
export function topicMissing(topic: string, cause?: unknown): VelocastError {
  return new VelocastError({
    code: 'log_topic_missing',
    message: `topic does not exist, create it with velocast topics: ${topic}`,
    cause,
    data: { topic },
  })
}
