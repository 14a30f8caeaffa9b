import { string } from '#core/env.ts'

export const spec = {
  DEAD_LETTERS_BUCKET: string('bucket of what was set aside'),
  DATABASE_SECRET_ARN: string('secret with the connection: host, port, dbname, username, tls, and a password unless IAM is used'),
}
