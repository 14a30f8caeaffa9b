import type { APIGatewayProxyEvent } from 'aws-lambda'
import { type ApiKey, keyFromAuthorization } from '#core/api/api-key.ts'
import type { Identity } from '#core/api/call.ts'
import { ConfigurationError, RequestError } from '#core/errors.ts'

type FindKey = (key: string) => Promise<ApiKey | undefined>
type AuthorizerContext = APIGatewayProxyEvent['requestContext']['authorizer']

/** Looks a caller up by the Authorization header: what the authorizer does, and every function that has none before it. */
export const createAuthenticate =
  (findKey: FindKey) =>
  async (authorization: string | undefined): Promise<Identity | undefined> => {
    const key = keyFromAuthorization(authorization)
    const found = key === undefined ? undefined : await findKey(key)
    return found && { tenant: found.tenant, datasets: found.datasets }
  }

/** What the authorizer hands to the functions behind it. API Gateway carries only strings, numbers and booleans. */
export const toAuthorizerContext = ({ tenant, datasets }: Identity) => ({ tenant, datasets: datasets.join(',') })

function fromAuthorizerContext(context: AuthorizerContext): Identity {
  const { tenant, datasets } = context ?? {}
  // The route was deployed without its authorizer: serving it would let anybody in.
  if (typeof tenant !== 'string' || tenant === '' || typeof datasets !== 'string')
    throw new ConfigurationError('GATEWAY_AUTHENTICATES is true, but the request carries no authorizer context')
  return { tenant, datasets: datasets.split(',') }
}

/**
 * Who sent a request. Authorizer context is believed only where the deployment says that the gateway runs the authorizer,
 * and is demanded there; otherwise the key is looked up here.
 * @throws RequestError `unauthenticated`
 */
export function createIdentify(deps: { readonly gatewayAuthenticates: boolean; readonly findKey: FindKey }) {
  const authenticate = createAuthenticate(deps.findKey)
  return async (authorization: string | undefined, context: AuthorizerContext): Promise<Identity> => {
    if (deps.gatewayAuthenticates) return fromAuthorizerContext(context)
    const identity = await authenticate(authorization)
    if (identity) return identity
    throw new RequestError('unauthenticated', 'Send a valid API key: "Authorization: Bearer mr_…"')
  }
}
