import { type EventSourceMappingConfiguration, type LambdaClient, paginateListEventSourceMappings } from '@aws-sdk/client-lambda'

/**
 * The mappings to be served: of a Kinesis stream, and disabled. An enabled one is the emulator's own business.
 * @returns as they are shown, in the order of their ids.
 */
export async function mappingsToServe(client: LambdaClient): Promise<readonly EventSourceMappingConfiguration[]> {
  const found: EventSourceMappingConfiguration[] = []
  for await (const page of paginateListEventSourceMappings({ client }, {})) found.push(...(page.EventSourceMappings ?? []))
  return found
    .filter(({ EventSourceArn, State }) => EventSourceArn?.includes(':kinesis:') && State !== 'Enabled' && State !== 'Enabling')
    .sort((a, b) => ((a.UUID ?? '') < (b.UUID ?? '') ? -1 : 1))
}
