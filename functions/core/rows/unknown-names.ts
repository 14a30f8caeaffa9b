import type { Dataset } from '#core/dataset/dataset.ts'
import { isFixColumn } from './fix-columns.ts'

/** The names that a dataset does not declare; those that a file of rejects adds are known. */
export const unknownNames = ({ columns }: Dataset, names: readonly string[]): string[] =>
  names.filter((name) => !Object.hasOwn(columns, name) && !isFixColumn(name))
