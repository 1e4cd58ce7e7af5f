/**
 * Whole numbers for the statuses that feeds use, the same in every file and for ever: a new status gets the next
 * number, none is given away again. `OK` and `CLOSED` are ours, the others are feeds' own `station_status`.
 */
export const STATUS_CODES: Readonly<Record<string, number>> = Object.freeze({
  OK: 0,
  CLOSED: 1,
  active: 2,
  out_of_service: 3,
  Operative: 4,
  Close: 5,
  'Work in progress': 6,
  end_of_life: 7,
  IN_SERVICE: 8,
  MAINTENANCE: 9,
})

/** The code of a status that has none. */
export const UNKNOWN_STATUS_CODE = -1
