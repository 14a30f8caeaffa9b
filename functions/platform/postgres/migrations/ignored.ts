/** The columns and keys that a chunk, or a part of it, passed over, as JSON; NULL when there were none, and in rows of chunks that were committed before. */
export const ignored = `
ALTER TABLE millrace.ledger ADD COLUMN ignored jsonb;
`
