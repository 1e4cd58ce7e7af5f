import { encodeModel, type OnnxNode, type OnnxTensor, scalarInt64 } from './onnx-model.ts'

/** The oldest pair that has all we use and that every ONNX Runtime since 1.10 reads. */
export const IR_VERSION = 8
export const OPSET = 15
type OnnxAttribute = NonNullable<OnnxNode['attribute']>[number]

const ML_DOMAIN = 'ai.onnx.ml'
const ML_OPSET = 3

/**
 * Regression trees, end to end: the prediction is `base` plus one leaf value of each tree. A node with `left` above 0
 * splits: values below `threshold` go to the child `left` (counted from the tree's first node), others to the child
 * after it, missing values left where `missingLeft` is 1.
 */
export interface TreeEnsemble {
  features: number
  base: number
  /** First node of each tree, and the end of the last. */
  starts: Int32Array
  left: Int32Array
  feature: Uint16Array
  threshold: Float32Array
  missingLeft: Uint8Array
  value: Float32Array
}

/**
 * Operators that compute `output` (one number a row) from `input` (rows × features, single precision): a
 * TreeEnsembleRegressor with BRANCH_LT, whose comparison is the trainer's own, then a Reshape to one dimension. They
 * go into a graph of any size under `name`, with the operator sets 15 of ONNX and 3 of ai.onnx.ml. Throws nothing.
 */
function treeEnsembleNodes({
  name,
  input,
  output,
  ensemble,
}: {
  name: string
  input: string
  output: string
  ensemble: TreeEnsemble
}): { nodes: OnnxNode[]; initializers: OnnxTensor[] } {
  const shape = scalarInt64(`${name}_shape`, -1)
  return {
    nodes: [
      {
        name,
        op_type: 'TreeEnsembleRegressor',
        domain: ML_DOMAIN,
        input: [input],
        output: [`${name}_column`],
        attribute: ensembleAttributes(ensemble),
      },
      {
        name: `${name}_flatten`,
        op_type: 'Reshape',
        input: [`${name}_column`, shape.name],
        output: [output],
      },
    ],
    initializers: [{ ...shape, dims: [1] }],
  }
}

/**
 * Bytes of a model with the input `features` (rows × features) and one output (rows) for each of the named ensembles,
 * which read the same features. The same ensembles give the same bytes.
 */
export function encodeTreeEnsembles(
  ensembles: Readonly<Record<string, TreeEnsemble>>,
  { doc, graph = 'tree_ensembles' }: { doc: string; graph?: string },
): Buffer {
  const parts = Object.entries(ensembles).map(([output, ensemble]) =>
    treeEnsembleNodes({ name: `${output}_trees`, input: 'features', output, ensemble }),
  )
  const width = Object.values(ensembles)[0]?.features ?? 0
  return encodeModel({
    ir_version: IR_VERSION,
    opsets: { '': OPSET, [ML_DOMAIN]: ML_OPSET },
    doc,
    graph,
    inputs: [{ name: 'features', shape: ['rows', width] }],
    outputs: Object.keys(ensembles).map((name) => ({ name, shape: ['rows'] })),
    nodes: parts.flatMap(({ nodes }) => nodes),
    initializers: parts.flatMap(({ initializers }) => initializers),
  })
}

function ensembleAttributes(ensemble: TreeEnsemble): OnnxAttribute[] {
  const { starts, left, feature, threshold, missingLeft, value, base } = ensemble
  const size = left.length
  const branch = Buffer.from('BRANCH_LT')
  const leaf = Buffer.from('LEAF')
  const trees = new Array<number>(size)
  const nodes = new Array<number>(size)
  const leaves: number[] = []
  for (let tree = 0; tree + 1 < starts.length; tree += 1) {
    for (let node = starts[tree]!; node < starts[tree + 1]!; node += 1) {
      trees[node] = tree
      nodes[node] = node - starts[tree]!
      if (left[node] === 0) leaves.push(node)
    }
  }
  const child = (step: number): number[] => Array.from(left, (found) => (found === 0 ? 0 : found + step))
  const whole = (name: string, ints: number[]): OnnxAttribute => ({ name, type: 'INTS', ints })
  const real = (name: string, floats: number[]): OnnxAttribute => ({ name, type: 'FLOATS', floats })
  return [
    whole('nodes_treeids', trees),
    whole('nodes_nodeids', nodes),
    whole('nodes_featureids', Array.from(feature)),
    real('nodes_values', Array.from(threshold)),
    {
      name: 'nodes_modes',
      type: 'STRINGS',
      strings: Array.from(left, (found) => (found === 0 ? leaf : branch)),
    },
    whole('nodes_truenodeids', child(0)),
    whole('nodes_falsenodeids', child(1)),
    whole('nodes_missing_value_tracks_true', Array.from(missingLeft)),
    whole(
      'target_treeids',
      leaves.map((node) => trees[node]!),
    ),
    whole(
      'target_nodeids',
      leaves.map((node) => nodes[node]!),
    ),
    whole(
      'target_ids',
      leaves.map(() => 0),
    ),
    real(
      'target_weights',
      leaves.map((node) => value[node]!),
    ),
    { name: 'n_targets', type: 'INT', i: 1 },
    real('base_values', [base]),
    { name: 'aggregate_function', type: 'STRING', s: Buffer.from('SUM') },
    { name: 'post_transform', type: 'STRING', s: Buffer.from('NONE') },
  ]
}
