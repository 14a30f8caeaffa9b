import { string } from '#core/env.ts'

export const spec = {
  TABLE_NAME: string('DynamoDB table, which has the state of the database'),
  DATABASE_SECRET_ARN: string('secret with the connection: host, port, dbname, username, tls, and a password unless IAM is used'),
}
