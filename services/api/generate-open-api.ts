import { writeFileSync } from 'node:fs'
import { openApiYaml } from './open-api.ts'

/** Writes schemas/openapi.yaml: `npx node services/api/generate-open-api.ts`. A test says when it is due. */
writeFileSync(new URL('../../schemas/openapi.yaml', import.meta.url), await openApiYaml())
