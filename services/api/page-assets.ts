import { readdirSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A file of the page as a browser gets it. */
export interface PageAsset {
  /** Path below the server's root. */
  path: string
  /** Content type. */
  type: string
  bytes: Buffer
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ts': 'text/javascript; charset=utf-8',
  '.mts': 'text/javascript; charset=utf-8',
}

const SERVICES = fileURLToPath(new URL('..', import.meta.url))

/** Pure files of the ground floor that the page imports. Below the root they stand where its imports look. */
const SHARED = ['domain/levels.ts']

/**
 * Every file of the page. TypeScript is served with its types blanked out, so lines and columns stay those of the
 * source, and no build step stands between the two.
 */
export function pageAssets(): PageAsset[] {
  const own = readdirSync(join(SERVICES, 'api/page')).toSorted()
  const files = [
    ...own.map((name) => ({ path: name === 'index.html' ? '/' : `/page/${name}`, file: `api/page/${name}` })),
    ...SHARED.map((file) => ({ path: `/${file}`, file })),
  ]
  return files.flatMap(({ path, file }): PageAsset[] => {
    const type = TYPES[extname(file)]
    if (type === undefined) return []
    const bytes = readFileSync(join(SERVICES, file))
    if (!file.endsWith('ts')) return [{ path, type, bytes }]
    return [{ path, type, bytes: Buffer.from(withoutTypes(bytes.toString('utf8'))) }]
  })
}

/** Node strips types for its own modules by the same function; its notice that it may change is not for our users. */
function withoutTypes(source: string): string {
  const { emitWarning } = process
  process.emitWarning = () => undefined
  try {
    return stripTypeScriptTypes(source)
  } finally {
    process.emitWarning = emitWarning
  }
}
