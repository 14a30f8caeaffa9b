/**
 * Of a chunk that came through the stream: its lane, of how many lanes, and the sequence number of the record that it was committed from.
 * NULL for chunks of files. With them a replay finds what was committed after the rows that it would put into the table. They are written with
 * the claim and never changed, so that completing the row stays a heap-only update.
 */
export const lanes = `
ALTER TABLE millrace.ledger ADD COLUMN lane integer, ADD COLUMN lanes integer, ADD COLUMN position numeric;
COMMENT ON COLUMN millrace.ledger.position IS 'Sequence number of the stream record: within a lane it grows in the order in which batches were accepted';
CREATE INDEX ledger_position ON millrace.ledger (dataset, position) WHERE position IS NOT NULL;
`
