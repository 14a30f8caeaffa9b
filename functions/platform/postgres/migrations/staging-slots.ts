/**
 * `lane` is a lane of the stream, and nothing else. The view is for functions of the release before this one, which run on until the deployment has replaced them:
 * they lock its rows, and so those of the table.
 */
export const stagingSlots = `
ALTER TABLE millrace.lane RENAME TO staging_slot;
ALTER TABLE millrace.staging_slot RENAME COLUMN lane TO slot;
CREATE VIEW millrace.lane AS SELECT dataset, slot AS lane FROM millrace.staging_slot;
COMMENT ON VIEW millrace.lane IS 'Under the name that it had; nothing uses it once all functions are of one release';
`
