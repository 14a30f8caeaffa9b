/** Millrace's own tables. Forward only: a later change is a new migration, never an edit of this one. */
export const ledger = `
CREATE TABLE millrace.ledger (
  load text NOT NULL,
  chunk integer NOT NULL,
  tenant text NOT NULL,
  dataset text NOT NULL,
  source_start bigint, source_end bigint, crc32 bigint,
  next_row bigint, lines bigint, last boolean,
  received bigint, loaded bigint, updated bigint, duplicate bigint, rejected bigint,
  committed_at timestamptz,
  PRIMARY KEY (load, chunk)
);
COMMENT ON TABLE millrace.ledger IS 'One row per committed chunk, written in the chunk''s own transaction: the truth about every load';
CREATE INDEX ledger_committed_at ON millrace.ledger USING brin (committed_at);

CREATE TABLE millrace.lane (
  dataset text NOT NULL,
  lane integer NOT NULL,
  PRIMARY KEY (dataset, lane)
);
COMMENT ON TABLE millrace.lane IS 'One row per staging table; whoever locks the row owns the table for the transaction';
`
