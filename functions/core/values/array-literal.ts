/**
 * The elements of an array as PostgreSQL writes it, `{1,NULL,"a, b"}`: one dimension, null for an unquoted NULL.
 * https://www.postgresql.org/docs/18/arrays.html#ARRAYS-IO
 * @returns undefined when it is none; an unquoted element may have neither backslashes nor quotes
 */
export function parseArrayLiteral(text: string): (string | null)[] | undefined {
  const inside = /^\s*\{([\s\S]*)\}\s*$/.exec(text)?.[1]
  if (inside === undefined) return undefined
  if (inside.trim() === '') return []
  const elements: (string | null)[] = []
  let end = 0
  for (const match of inside.matchAll(element)) {
    if (match.index !== end) return undefined
    end += match[0].length
    const [, quoted, plain] = match
    elements.push(quoted !== undefined ? quoted.replace(/\\([\s\S])/g, '$1') : /^null$/i.test(plain!) ? null : plain!)
    if (match[3] === '') return end === inside.length ? elements : undefined
  }
  return undefined
}

/** A quoted or an unquoted element, and the comma behind it or nothing. */
const element = /\s*(?:"((?:[^"\\]|\\[\s\S])*)"|([^\s{}",\\](?:[^{}",\\]*[^\s{}",\\])?))\s*(,|$)/g
