import { readFileSync } from 'node:fs'
import protobuf from 'protobufjs'

const { root } = protobuf.parse(readFileSync(new URL('./onnx.proto', import.meta.url), 'utf8'), {
  keepCase: true,
})
const modelType = root.lookupType('onnx.ModelProto')

/** ONNX's codes of the element types that are used here. */
const ELEMENT = { float: 1, int64: 7 } as const

export interface OnnxTensor {
  name: string
  dims: number[]
  data_type: number
  /** Little-endian. */
  raw_data: Uint8Array
}

type OnnxAttribute = { name: string } & (
  | { type: 'FLOAT'; f: number }
  | { type: 'INT'; i: number }
  | { type: 'STRING'; s: Uint8Array }
  | { type: 'FLOATS'; floats: number[] }
  | { type: 'INTS'; ints: number[] }
  | { type: 'STRINGS'; strings: Uint8Array[] }
)

export interface OnnxNode {
  name: string
  op_type: string
  /** Empty for the operators of ONNX itself, `ai.onnx.ml` for tree ensembles. */
  domain?: string
  input: string[]
  output: string[]
  attribute?: OnnxAttribute[]
}

/** A graph input or output of floats; a text dimension is free (the number of rows). */
interface OnnxValue {
  name: string
  shape: (number | string)[]
}

export interface OnnxModel {
  ir_version: number
  /** Operator domain → version; the empty name is ONNX's own. */
  opsets: Record<string, number>
  /** Who made it, and what it is for. */
  doc: string
  graph: string
  nodes: OnnxNode[]
  initializers: OnnxTensor[]
  inputs: OnnxValue[]
  outputs: OnnxValue[]
}

/** Bytes of a model file. The same model gives the same bytes. Source: onnx.proto of ONNX. */
export function encodeModel(model: OnnxModel): Buffer {
  const value = ({ name, shape }: OnnxValue): object => ({
    name,
    type: {
      tensor_type: {
        elem_type: ELEMENT.float,
        shape: {
          dim: shape.map((size) => (typeof size === 'number' ? { dim_value: size } : { dim_param: size })),
        },
      },
    },
  })
  const message = modelType.fromObject({
    ir_version: model.ir_version,
    producer_name: 'velocast',
    doc_string: model.doc,
    opset_import: Object.entries(model.opsets).map(([domain, version]) => ({ domain, version })),
    graph: {
      name: model.graph,
      node: model.nodes,
      initializer: model.initializers,
      input: model.inputs.map(value),
      output: model.outputs.map(value),
    },
  })
  return Buffer.from(modelType.encode(message).finish())
}

/** One whole number without dimensions. */
export function scalarInt64(name: string, value: number): OnnxTensor {
  const raw_data = Buffer.alloc(8)
  raw_data.writeBigInt64LE(BigInt(value))
  return { name, dims: [], data_type: ELEMENT.int64, raw_data }
}
