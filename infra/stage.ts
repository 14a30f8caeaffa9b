import { Duration, RemovalPolicy } from 'aws-cdk-lib'

export const stageNames = ['local', 'staging', 'production'] as const
export type StageName = (typeof stageNames)[number]

/** Aurora and what stands around it. */
export interface DatabaseValues {
  /** Availability zones of the VPC. 2 is what Aurora's subnet group demands; every interface endpoint is paid for per zone. */
  readonly zones: number
  /** ACU (about 2 GiB of memory each). At least 1 and never 0: a paused cluster and RDS Proxy exclude each other. */
  readonly minCapacity: number
  /** ACU. COPY is bound by the writer's CPU, about one core per 4 ACU, so this is the ceiling of rows per second. */
  readonly maxCapacity: number
  /** Readers that stand by for failover. */
  readonly readers: number
  /** How long point-in-time recovery reaches back; 35 days is Aurora's most. */
  readonly backups: Duration
  /** Share of max_connections that the proxy may take, percent. The rest is for migrations and people. */
  readonly proxyConnections: number
}

/** The stream of batches, and how rows are dealt to it. */
interface StreamValues {
  /** Provisioned shards, each 1 MiB and 1,000 records a second; undefined: on demand, which grows by itself up to twice its last peak. */
  readonly shards: number | undefined
  /** How long a record can be read (again): an outage of the database may last so long. 24 h is the least; more is paid for by the hour. */
  readonly retention: Duration
  /**
   * Lanes of a dataset that has an ordering key. A batch becomes one record a lane it touches, so no more than help: several times the
   * consumers that can run side by side (shards × parallelization), so that they share the lanes evenly. Change it only while nothing is in the stream: a key's rows would overtake each other.
   */
  readonly lanes: number
}

/** How Lambda hands the stream's records over: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html */
interface RecordValues {
  /** False where an emulator would play the event source by other rules than Lambda's: localstack/pump then serves the mapping. */
  readonly enabled: boolean
  /** Records at once, 10,000 at most. Their bytes are the narrower limit, 6 MB: what is gathered is committed in as few transactions as possible. */
  readonly batchSize: number
  /** How long Lambda waits for more. A commit under way gathers the next ones anyway; when nothing is, waiting would only make a receipt late. */
  readonly window: Duration
  /** Invocations side by side for each shard, by partition key: one decodes while another one's commit waits for the disk. Each takes a connection. */
  readonly parallelization: number
  /**
   * Tries of a batch, the first not counted. The function waits out what passes by itself for as long as it runs, so in an outage of the database a try takes
   * `timeout`, and it is the age that ends it; what kills the function does so within seconds, and is set aside after an hour or two.
   */
  readonly retries: number
  /** Older records are set aside. Well below the stream's retention, or they would expire and be gone before Lambda has written them down. */
  readonly maxAge: Duration
  /** Of one invocation. Batches are small: most of it is there to wait for a database that fails over. */
  readonly timeout: Duration
}

/** Requests per second in the long run, and how many at once. API Gateway's limits are best effort: a coarse first fence. */
interface Throttle {
  readonly rate: number
  readonly burst: number
}

/** Everything in which one deployment may differ from another. Product code never asks for a stage's name: it meets these values. */
interface StageValues {
  /** What becomes of buckets, the table and logs when their stack is deleted. */
  readonly removal: RemovalPolicy
  /** Refuses to delete the table and the cluster, by whomever. */
  readonly deletionProtection: boolean
  /** Own KMS keys for what is stored; else the keys that AWS owns. An emulator's KMS protects nothing and costs a call an object. */
  readonly ownKeys: boolean
  /** Server access logs of the buckets. The emulators write none. */
  readonly bucketLogs: boolean
  /** CloudWatch logs: long enough for an incident to be looked into; the receipts live elsewhere. */
  readonly logRetentionDays: 7 | 30 | 90
  readonly logLevel: 'DEBUG' | 'INFO'
  /** Uploaded objects: replay needs them, and after this they are gone. */
  readonly rawRetention: Duration
  /** Rejects and dead letters: as long as the ledger remembers a chunk. */
  readonly rejectsRetention: Duration
  /** How long an upload stays open, hours. Lifecycle aborts its parts one day later, so never while a client may still resume. */
  readonly uploadHours: number
  /** Life of a presigned part URL, seconds. Parts are signed on demand: it need only outlast one PUT on a slow line. */
  readonly urlSeconds: number
  /** Loaders side by side, and with them the load on Postgres; at least 2, the least that an SQS event source takes. */
  readonly chunkConcurrency: number
  /** Staging tables of a dataset: one for each loader, and one for each that is still ending while its successor starts. Consumers of the stream take them too: who finds none waits. */
  readonly stagingSlots: number
  /** Time one chunk may take; 15 minutes is Lambda's most. */
  readonly chunkTimeout: Duration
  /**
   * For how long a chunk is hidden from other loaders, unless its own says again that it is at work: so long a loader that was killed holds its chunk up. Its loader
   * says so three times in that time, and has a whole core: a pause of the collector is no death.
   */
  readonly chunkLease: Duration
  /** For how long a load waits for a database that is away, before it ends as failed. */
  readonly databasePatience: Duration
  /**
   * Visibility timeout of a queue as a multiple of its consumer's timeout, and so how long work waits whose function died without a word (one that fails
   * says so, and its message is back in seconds). AWS advises 6, so that throttling does not use up receives: load-chunk has a maximum concurrency, which
   * keeps Lambda from receiving more than it can run, the others end in seconds, and a message that comes twice is harmless. 2 leaves room for a slow end.
   */
  readonly visibilityFactor: number
  /** Aurora, proxy and network of our own; undefined: the connection is a secret named by `-c databaseSecretArn=…`. */
  readonly database: DatabaseValues | undefined
  readonly stream: StreamValues
  readonly records: RecordValues
  /** The whole API together. */
  readonly throttle: Throttle
  /** Routes that start work for S3 or SQS: lower than the whole, so that they cannot starve reads. */
  readonly writeThrottle: Throttle
  /** Requests a day of whoever calls with an API Gateway key of the usage plan. Millrace's own keys are none: docs/decisions/0011. */
  readonly dailyQuota: number
  /** Web ACL in front of the API, with a rate limit for each address: requests in 5 minutes. Undefined: none. */
  readonly firewallRate: number | undefined
  /** CloudWatch dashboard and alarms on expressions; emulators know single-metric alarms only. */
  readonly dashboard: boolean
}

export interface Stage extends StageValues {
  readonly name: StageName
  /** API Gateway runs the authorizer. Without it every function authenticates by itself, with the same code. */
  readonly gatewayAuthenticates: boolean
  /** The given connection, where the stage has no database of its own. */
  readonly databaseSecretArn: string | undefined
}

const production: StageValues = {
  removal: RemovalPolicy.RETAIN,
  deletionProtection: true,
  ownKeys: true,
  bucketLogs: true,
  logRetentionDays: 90,
  logLevel: 'INFO',
  rawRetention: Duration.days(30),
  rejectsRetention: Duration.days(30),
  uploadHours: 168,
  urlSeconds: 900,
  chunkConcurrency: 16,
  stagingSlots: 32,
  chunkTimeout: Duration.minutes(15),
  chunkLease: Duration.seconds(45),
  // As long as the stream keeps records.
  databasePatience: Duration.hours(66),
  visibilityFactor: 2,
  database: { zones: 2, minCapacity: 2, maxCapacity: 64, readers: 1, backups: Duration.days(14), proxyConnections: 80 },
  // A weekend's outage of the database, and a Monday to mend it.
  stream: { shards: undefined, retention: Duration.hours(72), lanes: 64 },
  records: {
    enabled: true,
    batchSize: 10_000,
    window: Duration.seconds(0),
    parallelization: 2,
    retries: 2000,
    maxAge: Duration.hours(66),
    timeout: Duration.minutes(2),
  },
  throttle: { rate: 500, burst: 1000 },
  writeThrottle: { rate: 200, burst: 400 },
  dailyQuota: 5_000_000,
  firewallRate: 30_000,
  dashboard: true,
}

const values: Readonly<Record<StageName, StageValues>> = {
  production,
  // The same shape as production, cheaper, and it may be thrown away.
  staging: {
    ...production,
    removal: RemovalPolicy.DESTROY,
    deletionProtection: false,
    logRetentionDays: 30,
    logLevel: 'DEBUG',
    chunkConcurrency: 4,
    stagingSlots: 8,
    stream: { shards: undefined, retention: Duration.hours(24), lanes: 16 },
    records: { ...production.records, parallelization: 1, retries: 600, maxAge: Duration.hours(20) },
    databasePatience: Duration.hours(20),
    database: { zones: 2, minCapacity: 1, maxCapacity: 8, readers: 0, backups: Duration.days(3), proxyConnections: 80 },
  },
  // What MiniStack and LocalStack can deploy. A template with one resource type they do not know is refused as a whole.
  local: {
    removal: RemovalPolicy.DESTROY,
    deletionProtection: false,
    ownKeys: false,
    bucketLogs: false,
    logRetentionDays: 7,
    logLevel: 'INFO',
    rawRetention: Duration.days(30),
    rejectsRetention: Duration.days(30),
    uploadHours: 168,
    urlSeconds: 900,
    // Workers of about 70 MB on a developer's machine, and one Postgres beside them.
    chunkConcurrency: 4,
    stagingSlots: 8,
    // Short, so that a killed loader's chunk comes back while someone is watching.
    chunkTimeout: Duration.seconds(120),
    chunkLease: Duration.seconds(15),
    databasePatience: Duration.hours(20),
    visibilityFactor: 1,
    database: undefined,
    // Shards cost nothing here; four show what one alone would hide.
    stream: { shards: 4, retention: Duration.hours(24), lanes: 16 },
    records: {
      enabled: false,
      batchSize: 10_000,
      window: Duration.seconds(0),
      // One worker of about 70 MB a shard.
      parallelization: 1,
      retries: 100,
      maxAge: Duration.hours(20),
      timeout: Duration.seconds(60),
    },
    // Emulators enforce these too; high enough not to be what a measurement measures.
    throttle: { rate: 2000, burst: 4000 },
    writeThrottle: { rate: 1000, burst: 2000 },
    dailyQuota: 100_000_000,
    firewallRate: undefined,
    dashboard: false,
  },
}

/** Reads the stage from CDK context (`-c stage=… -c databaseSecretArn=… -c gatewayAuthenticates=…`). */
export function readStage(context: (name: string) => unknown): Stage {
  const name = stageNames.find((known) => known === (context('stage') ?? 'local'))
  if (name === undefined) throw new Error(`There is no stage "${context('stage')}": use -c stage=${stageNames.join('|')}`)
  const gateway = String(context('gatewayAuthenticates') ?? 'true')
  if (gateway !== 'true' && gateway !== 'false') throw new Error(`-c gatewayAuthenticates must be true or false, not "${gateway}"`)
  const secret = context('databaseSecretArn')
  return {
    ...values[name],
    name,
    gatewayAuthenticates: gateway === 'true',
    databaseSecretArn: typeof secret === 'string' && secret !== '' ? secret : undefined,
  }
}
