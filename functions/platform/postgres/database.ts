import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { Signer } from '@aws-sdk/rds-signer'
import pg from 'pg'
import { ConfigurationError } from '#core/errors.ts'

/** What the database secret holds. Without a password, an IAM token is made for each connection (valid 15 min to connect, https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.html). */
interface ConnectionSecret {
  readonly host: string
  readonly port: number
  readonly dbname: string
  readonly username: string
  readonly password?: string
  readonly tls?: boolean
}

export type Connection = pg.Client

/** Milliseconds to wait for a connection: Aurora may be failing over, and the queue will ask again. */
const connectTimeout = 10_000

const secrets = new SecretsManagerClient()

/** @throws ConfigurationError when the secret is not JSON; its content is never shown. */
export async function readSecret<T>(arn: string): Promise<T> {
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: arn }))
  try {
    return JSON.parse(SecretString ?? '') as T
  } catch {
    throw new ConfigurationError(`the secret ${arn} is not JSON`)
  }
}

/** Opens connections as the secret says. The secret is read again after a failed login: it may have been rotated. */
export function connector(secretArn: string): () => Promise<Connection> {
  let secret: Promise<ConnectionSecret> | undefined
  return async () => {
    secret ??= readSecret<ConnectionSecret>(secretArn)
    try {
      return await open(await secret)
    } catch (error) {
      secret = undefined
      throw error
    }
  }
}

async function open(secret: ConnectionSecret): Promise<Connection> {
  const { host, dbname, username, password } = secret
  const port = Number(secret.port)
  const client = new pg.Client({
    host,
    port,
    database: dbname,
    user: username,
    password: password ?? (await new Signer({ hostname: host, port, username }).getAuthToken()),
    ssl: secret.tls === false ? false : { rejectUnauthorized: true },
    connectionTimeoutMillis: connectTimeout,
    keepAlive: true,
    application_name: 'millrace',
  })
  await client.connect()
  return client
}

/**
 * Connections kept between the invocations of a warm function: as many as work at once, which callers bound. A broken one is replaced.
 * @returns a runner: the connection is closed when the work throws, so that no half-open transaction survives.
 */
export function keptConnections(connect: () => Promise<Connection>): <T>(work: (connection: Connection) => Promise<T>) => Promise<T> {
  const idle: Connection[] = []
  const forget = (connection: Connection): void => {
    const at = idle.indexOf(connection)
    if (at >= 0) idle.splice(at, 1)
  }
  const open = async (): Promise<Connection> => {
    const connection = await connect()
    // A connection that dies between invocations must not end the process.
    connection.on('error', () => forget(connection))
    return connection
  }
  return async (work) => {
    const connection = idle.pop() ?? (await open())
    try {
      const done = await work(connection)
      idle.push(connection)
      return done
    } catch (error) {
      connection.end().catch(() => undefined)
      throw error
    }
  }
}
