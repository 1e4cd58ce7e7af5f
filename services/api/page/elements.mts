/** The element with this id. The page's own markup: a missing one is a mistake, not a state. */
export function byId<Kind extends HTMLElement>(id: string): Kind {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`page element is missing: ${id}`)
  return found as Kind
}

/** A new element. Text goes in as text, never as markup: names come from feeds. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  {
    text,
    className,
    attributes = {},
    children = [],
  }: {
    text?: string
    className?: string
    attributes?: Record<string, string>
    children?: Node[]
  } = {},
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  if (className !== undefined) made.className = className
  if (text !== undefined) made.textContent = text
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  made.append(...children)
  return made
}
