/**
 * A chunk whose rows are slow to commit is committed in parts, each with a row of its own: `more` says that the chunk has rows which are left to the next part.
 * Everything else in a row is said of the part. Chunks that are committed whole have part 0 only.
 */
export const parts = `
ALTER TABLE millrace.ledger ADD COLUMN part integer NOT NULL DEFAULT 0, ADD COLUMN more boolean NOT NULL DEFAULT false;
ALTER TABLE millrace.ledger DROP CONSTRAINT ledger_pkey, ADD PRIMARY KEY (load, chunk, part);
COMMENT ON TABLE millrace.ledger IS 'One row per committed chunk, or part of one, written in its own transaction: the truth about every load';
COMMENT ON COLUMN millrace.ledger.more IS 'True when rows of the chunk are left to its next part';
`
