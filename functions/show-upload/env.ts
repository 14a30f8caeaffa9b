import { boolean, string } from '#core/env.ts'

export const spec = {
  TABLE_NAME: string('DynamoDB table of loads, chunks and API keys'),
  GATEWAY_AUTHENTICATES: boolean('true when API Gateway has run the authorizer; false: the function authenticates by itself'),
  RAW_BUCKET: string('bucket of uploaded objects'),
}
