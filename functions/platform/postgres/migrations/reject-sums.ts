/** What a chunk's rejects come to by code and column, as a JSON array; NULL in rows of chunks that were committed before. */
export const rejectSums = `
ALTER TABLE millrace.ledger ADD COLUMN rejects jsonb;
`
