import { readFile, writeFile } from 'node:fs/promises'

/** What stands in a document between the part's two markers, `<!-- name -->` and `<!-- /name -->`. */
export async function readPart(page: string, name: string): Promise<string> {
  const text = await readFile(page, 'utf8')
  const { from, until } = place(page, text, name)
  return text.slice(from, until).trim()
}

/** Replaces it. */
export async function writePart(page: string, name: string, part: string): Promise<void> {
  const text = await readFile(page, 'utf8')
  const { from, until } = place(page, text, name)
  await writeFile(page, `${text.slice(0, from)}\n${part}\n${text.slice(until)}`)
}

function place(page: string, text: string, name: string): { from: number; until: number } {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const from = text.indexOf(begin) + begin.length
  const until = text.indexOf(end)
  if (from < begin.length || until < from)
    throw new Error(`${page} must have the markers ${begin} and ${end}`)
  return { from, until }
}
