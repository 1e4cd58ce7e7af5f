import { openInference } from '../../../services/platform/onnx/inference.ts'
import { buildPersistencePack } from '../../../services/platform/onnx/persistence-pack.ts'

const { files } = buildPersistencePack([15])
const inference = openInference()
const model = await inference.load(files.find(({ path }) => path.endsWith('.onnx'))!.bytes)
process.stdout.write(model.inputs.join())
await inference.close()
