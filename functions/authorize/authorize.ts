import type { Identity } from '#core/api/call.ts'

interface Request {
  readonly methodArn: string
  readonly headers: Readonly<Record<string, string | undefined>> | null
}
export interface AuthorizerAnswer {
  readonly principalId: string
  readonly policyDocument: {
    readonly Version: '2012-10-17'
    readonly Statement: { readonly Action: string; readonly Effect: 'Allow'; readonly Resource: string }[]
  }
  readonly context: Readonly<Record<string, string>>
}
interface Deps {
  readonly authenticate: (authorization: string | undefined) => Promise<Identity | undefined>
  readonly toContext: (identity: Identity) => Readonly<Record<string, string>>
}

/** Answers API Gateway who calls. Exactly the error "Unauthorized" becomes a 401 there; any other is an outage, a 500. */
export const createAuthorize = ({ authenticate, toContext }: Deps) =>
  async function authorize({ methodArn, headers }: Request): Promise<AuthorizerAnswer> {
    const authorization = Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === 'authorization')?.[1]
    const identity = await authenticate(authorization)
    if (!identity) throw new Error('Unauthorized')
    return {
      principalId: identity.tenant,
      policyDocument: {
        Version: '2012-10-17',
        Statement: [{ Action: 'execute-api:Invoke', Effect: 'Allow', Resource: wholeStage(methodArn) }],
      },
      context: toContext(identity),
    }
  }

/** The gateway keeps the answer for the key and uses it for every route, so it must cover every route: `arn…:api/stage/*`. */
const wholeStage = (methodArn: string): string => `${methodArn.split('/').slice(0, 2).join('/')}/*`
