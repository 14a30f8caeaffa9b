/** How the tools here speak to an emulator: never with the credentials or the settings of the person at the keyboard. */
export const region = 'us-east-1'
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }

export const clientSettings = (endpoint: string) => ({ endpoint, region, credentials, maxAttempts: 5 })

/** What the AWS SDK and the CDK read. */
export const awsEnvironment = (endpoint: string) => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_REGION: region,
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
})
