import {
  Table as ArrowTable,
  Bool,
  type Data,
  type DataType,
  Field,
  Float32,
  Float64,
  Int32,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  TimestampMillisecond,
  tableToIPC,
  Utf8,
} from 'apache-arrow'
import { Compression, EnabledStatistics, Table, WriterPropertiesBuilder, writeParquet } from 'parquet-wasm'
import type { Column, ColumnType } from './columns.ts'

export type Cell = string | number | boolean | null

export interface EncodeParquetOptions<Name extends string> {
  columns: readonly Column<Name>[]
  /** Number of rows; row 0 is the file's first. */
  rows: number
  /** Value of a column in a row; timestamps are epoch ms. */
  cell: (column: Name, row: number) => Cell
  /**
   * Facts for the footer: one entry, `velocast`, of JSON text. The writer keeps entries in a hash map, and several
   * would stand in another order each time.
   */
  metadata: Record<string, string>
}

/**
 * One Parquet file of one row group: zstd, dictionaries, page index and page statistics. Equal options give equal
 * bytes. Throws RangeError when a column that holds no nulls is given one.
 *
 * Memory: about six times the file's plain size while it runs. WebAssembly memory never shrinks, but it is used again:
 * it stays where the largest part so far brought it (15 MB after 1,500 parts of 1,500 stations, 60 MB after one of
 * 100,000). Larger files are DuckDB's work.
 */
export function encodeParquet<Name extends string>(options: EncodeParquetOptions<Name>): Uint8Array {
  const { columns, rows, cell, metadata } = options
  const children = columns.map((column) => columnData(column, rows, (row) => cell(column.name, row)))
  const schema = new Schema(
    columns.map((column) => new Field(column.name, ARROW_TYPES[column.type], column.nullable)),
  )
  const struct = makeData({ type: new Struct(schema.fields), length: rows, nullCount: 0, children })
  const batch = new RecordBatch(schema, struct)
  const table = Table.fromIPCStream(tableToIPC(new ArrowTable([batch]), 'stream'))
  const properties = new WriterPropertiesBuilder()
    .setCompression(Compression.ZSTD)
    .setStatisticsEnabled(EnabledStatistics.Page)
    .setCreatedBy('velocast')
    .setKeyValueMetadata(new Map([[METADATA_KEY, JSON.stringify(metadata)]]))
    .build()
  return writeParquet(table, properties)
}

/** Footer key of `EncodeParquetOptions.metadata`. */
export const METADATA_KEY = 'velocast'

const ARROW_TYPES: Record<ColumnType, DataType> = {
  timestamp: new TimestampMillisecond(),
  string: new Utf8(),
  int32: new Int32(),
  double: new Float64(),
  float: new Float32(),
  boolean: new Bool(),
}

function columnData(column: Column, rows: number, value: (row: number) => Cell): Data {
  const nullBitmap = new Uint8Array(Math.ceil(rows / 8))
  const values: Cell[] = new Array(rows)
  let nullCount = 0
  for (let row = 0; row < rows; row += 1) {
    const cell = value(row)
    values[row] = cell
    if (cell === null) nullCount += 1
    else nullBitmap[row >> 3]! |= 1 << (row & 7)
  }
  if (nullCount > 0 && !column.nullable) {
    throw new RangeError(`column ${column.name} holds no nulls, but ${nullCount} of ${rows} rows have one`)
  }
  const shared = { length: rows, nullCount, ...(nullCount > 0 ? { nullBitmap } : {}) }
  switch (column.type) {
    case 'string':
      return makeData({ type: new Utf8(), ...shared, ...textBuffers(values) })
    case 'timestamp':
      return makeData({
        type: new TimestampMillisecond(),
        ...shared,
        data: BigInt64Array.from(values, (cell) => BigInt((cell as number | null) ?? 0)),
      })
    case 'int32':
      return makeData({ type: new Int32(), ...shared, data: Int32Array.from(values as number[]) })
    case 'double':
      return makeData({ type: new Float64(), ...shared, data: Float64Array.from(values as number[]) })
    case 'float':
      return makeData({ type: new Float32(), ...shared, data: Float32Array.from(values as number[]) })
    case 'boolean':
      return makeData({ type: new Bool(), ...shared, data: packBits(values) })
  }
}

function textBuffers(values: Cell[]): { valueOffsets: Int32Array; data: Uint8Array } {
  const valueOffsets = new Int32Array(values.length + 1)
  const texts = values.map((cell) => (cell as string | null) ?? '')
  texts.forEach((text, row) => {
    valueOffsets[row + 1] = valueOffsets[row]! + Buffer.byteLength(text)
  })
  return { valueOffsets, data: new Uint8Array(Buffer.from(texts.join(''))) }
}

function packBits(values: Cell[]): Uint8Array {
  const bits = new Uint8Array(Math.ceil(values.length / 8))
  values.forEach((cell, row) => {
    if (cell === true) bits[row >> 3]! |= 1 << (row & 7)
  })
  return bits
}
