/** Services that `velocast run` knows, in the order in which one process starts them: readers before writers. */
export const SERVICE_NAMES = ['api', 'train', 'monitor', 'sink', 'forecast', 'windows', 'ingest'] as const
export type ServiceName = (typeof SERVICE_NAMES)[number]
