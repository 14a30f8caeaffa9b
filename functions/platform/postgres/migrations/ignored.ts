/** What a chunk, or a part of it, passed over, as JSON; NULL when it was nothing, and in rows of chunks from before. */
export const ignored = `
ALTER TABLE millrace.ledger ADD COLUMN ignored jsonb;
`
