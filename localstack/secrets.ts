import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import { clientSettings } from './aws.ts'
import type { Connection } from './database.ts'

const connectionName = 'millrace-local-database'
const noteName = 'millrace-local-deployment'

/** What was deployed into an emulator, kept inside it: so it is always as old as what it tells of. */
export interface DeploymentNote {
  readonly bootstrapped: boolean
  /** False from the beginning of a deploy to its end. */
  readonly complete: boolean
  /** True once its migrations have run; a note of an older version does not say. */
  readonly migrated?: boolean
  /** Hash of everything the templates are made from, and of the templates with their assets. */
  readonly sources: string
  readonly templates: string
  /** The stacks' outputs, by stack. */
  readonly outputs: Outputs
}
export type Outputs = Readonly<Record<string, Readonly<Record<string, string>>>>

export interface Secrets {
  /** Stores the connection the functions use and answers the secret's ARN. */
  storeConnection(connection: Connection): Promise<string>
  readNote(): Promise<DeploymentNote | undefined>
  writeNote(note: DeploymentNote): Promise<void>
}

export function createSecrets(endpoint: string): Secrets {
  const client = new SecretsManagerClient(clientSettings(endpoint))

  async function read(name: string): Promise<{ arn: string; text: string } | undefined> {
    try {
      const found = await client.send(new GetSecretValueCommand({ SecretId: name }))
      return { arn: found.ARN ?? '', text: found.SecretString ?? '' }
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return undefined
      throw error
    }
  }

  async function store(name: string, text: string): Promise<string> {
    const found = await read(name)
    if (!found) {
      const made = await client.send(new CreateSecretCommand({ Name: name, SecretString: text }))
      return made.ARN ?? ''
    }
    if (found.text !== text) await client.send(new PutSecretValueCommand({ SecretId: name, SecretString: text }))
    return found.arn
  }

  return {
    storeConnection: (connection) => store(connectionName, JSON.stringify(connection)),
    async readNote() {
      const found = await read(noteName)
      return found && (JSON.parse(found.text) as DeploymentNote)
    },
    async writeNote(note) {
      await store(noteName, JSON.stringify(note))
    },
  }
}
