import { integer, string } from '#core/env.ts'

export const spec = {
  DATABASE_SECRET_ARN: string('secret with the owner’s connection to the database'),
  LOADER_SECRET_ARN: string('secret with the username and password of the role that loads'),
  STAGING_SLOTS: integer('staging tables per dataset: at least as many as loads run side by side'),
}
