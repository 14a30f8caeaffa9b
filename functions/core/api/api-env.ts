import { boolean, integer, string } from '#core/env.ts'

/** What every function behind the API is given, with or without a key. */
export const publicEnv = {
  REQUESTS_PER_SECOND: integer('the stage throttle of the API, requests per second; told to clients as RateLimit-Policy'),
}

/** What every function is given whose routes need an API key. */
export const apiEnv = {
  ...publicEnv,
  TABLE_NAME: string('the DynamoDB table of loads, chunks and API keys'),
  GATEWAY_AUTHENTICATES: boolean('"true" when an authorizer stands before the function; else the function checks the key itself'),
}
