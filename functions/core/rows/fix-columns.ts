/**
 * What a file of rejects adds to each row: why it was refused, and its line in the file it came from. Such a file may be corrected and sent as it
 * is: the loader passes over both, also where a dataset takes no unknown columns. No dataset can have columns that begin with `_`.
 */
export const errorColumn = '_error'
export const lineColumn = '_line'
/** Holds what is no row: a line that has it is always refused, so that it cannot be loaded by mistake. */
export const rawColumn = '_raw'

export const isFixColumn = (name: string): boolean => name === errorColumn || name === lineColumn
