/** Quotes a name for SQL. Names come from dataset declarations, which allow only [a-z0-9_]; quoting keeps reserved words harmless. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** A dataset's own table. */
export const targetTable = (dataset: string): string => `public.${identifier(dataset)}`

/** A dataset's staging table for one slot: unlogged, permanent (RDS Proxy pins a session that uses TEMP tables). */
export const stagingTable = (dataset: string, slot: number): string => `millrace.${identifier(`staging_${dataset}_${slot}`)}`

/** The columns that lead every staged row: its line and its offset, both counted within the chunk's text. */
export const stagingColumns = ['_line', '_offset'] as const
