import type { Dataset } from '#core/dataset/dataset.ts'

/** Characters of a name that are shown. */
const shown = 63

/** `Value`, ` value ` and a name behind a byte order mark are `value` to whoever wrote them. */
const plain = (name: string): string => name.replace('\ufeff', '').trim().toLowerCase()

/**
 * Finds names that are a declared column but for case, white space around them or a byte order mark. A dataset that passes over unknown columns must not
 * pass over these: the column would be NULL in every row, without a word.
 * @returns the column that a name is near to; undefined when it is none, or the very name of one
 */
export function nearNames({ columns }: Dataset): (name: string) => string | undefined {
  const declared = new Map(Object.keys(columns).map((name) => [name.toLowerCase(), name]))
  return (name) => (Object.hasOwn(columns, name) ? undefined : declared.get(plain(name)))
}

/** The first of the names that is near to a column which is not among them: `has "Value"; the column is "value" …`. */
export function nearMiss(dataset: Dataset, names: readonly string[]): string | undefined {
  const near = nearNames(dataset)
  const name = names.find((name) => {
    const column = near(name)
    return column !== undefined && !names.includes(column)
  })
  return name === undefined ? undefined : told(name, near(name)!)
}

/** What is said of a name that is near to a column. */
export const told = (name: string, column: string): string =>
  `has ${JSON.stringify(name.slice(0, shown))}; the column is "${column}": write it without other case or white space`
