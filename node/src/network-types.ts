// How brokers are found, reached and convinced: the shapes that `new Kafka` takes.

import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'

import type { Logger } from './logger'

export type BrokersFunction = () => string[] | Promise<string[]>

export interface ISocketFactoryArgs {
  host: string
  port: number
  ssl: ConnectionOptions
  onConnect: () => void
}

export type ISocketFactory = (args: ISocketFactoryArgs) => Socket

export interface OauthbearerProviderResponse {
  value: string
}

interface Password {
  username: string
  password: string
}

/** What each mechanism needs to know. */
export type SASLMechanismOptionsMap = {
  plain: Password
  'scram-sha-256': Password
  'scram-sha-512': Password
  aws: {
    authorizationIdentity: string
    accessKeyId: string
    secretAccessKey: string
    sessionToken?: string
  }
  oauthbearer: { oauthBearerProvider: () => Promise<OauthbearerProviderResponse> }
}

export type SASLMechanism = keyof SASLMechanismOptionsMap

export type SASLMechanismOptions<M> = M extends SASLMechanism ? { mechanism: M } & SASLMechanismOptionsMap[M] : never

export type SASLOptions = SASLMechanismOptions<SASLMechanism>

export type SaslAuthenticationRequest = {
  encode: () => Buffer | Promise<Buffer>
}

export type SaslAuthenticationResponse<Parsed> = {
  decode: (rawResponse: Buffer) => Buffer | Promise<Buffer>
  parse: (data: Buffer) => Parsed
}

export type SaslAuthenticateArgs<Parsed> = {
  request: SaslAuthenticationRequest
  response?: SaslAuthenticationResponse<Parsed>
}

export type AuthenticationProviderArgs = {
  host: string
  port: number
  logger: Logger
  saslAuthenticate: <Parsed>(args: SaslAuthenticateArgs<Parsed>) => Promise<Parsed | void>
}

export type Authenticator = {
  authenticate: () => Promise<void>
}

/** A mechanism of the program's own. */
export type Mechanism = {
  mechanism: string
  authenticationProvider: (args: AuthenticationProviderArgs) => Authenticator
}
