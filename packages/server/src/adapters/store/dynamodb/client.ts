import { BackendUnavailable } from '../../../ports/unavailable.js';
import { type CredentialsProvider, CredentialsCache, defaultCredentials } from '../../aws/credentials.js';
import { awsEndpoint } from '../../aws/endpoint.js';
import { AwsJsonClient, AwsRefusal } from '../../aws/json-client.js';
import { isDynamoAnswer } from './answers.js';

export interface DynamoOptions {
  table: string;
  region: string;
  /** See {@link dynamoEndpoint}. */
  endpoint: string;
  /** Default: AWS's usual order of sources. */
  credentials?: CredentialsProvider;
  connectTimeoutMs: number;
  readTimeoutMs: number;
  maxSockets: number;
  /** Maximum number of attempts of one call, the first included. */
  maxAttempts?: number;
}

export const BACKEND = 'dynamodb';

/** The global secondary index by data_type and modified_date, from which every list is read. */
export const DATE_INDEX = 'data_type_date_index';

export function dynamoClient(options: DynamoOptions): AwsJsonClient {
  const { region, endpoint, connectTimeoutMs, readTimeoutMs, maxSockets, maxAttempts } = options;
  return new AwsJsonClient({
    backend: BACKEND,
    service: 'dynamodb',
    targetPrefix: 'DynamoDB_20120810',
    jsonVersion: '1.0',
    region,
    endpoint,
    isAnswer: isDynamoAnswer,
    credentials: options.credentials ? new CredentialsCache(options.credentials) : defaultCredentials(region),
    connectTimeoutMs,
    readTimeoutMs,
    maxSockets,
    ...(maxAttempts !== undefined && { maxAttempts }),
  });
}

/** The endpoint of DynamoDB in a region, `url` if that is set. Rejects as {@link awsEndpoint} does. */
export function dynamoEndpoint(region: string, url: string | undefined): Promise<string> {
  return awsEndpoint({ service: 'dynamodb', serviceId: 'DynamoDB', region, ...(url !== undefined && { url }) });
}

/** DynamoDB answered, but not what was asked. */
export function unusable(reason: string): BackendUnavailable {
  return new BackendUnavailable(BACKEND, { cause: new Error(reason) });
}

/**
 * The error to pass on: {@link BackendUnavailable} for every refusal. A missing table, denied access or a request that
 * DynamoDB does not understand is not a usable answer, and must never look like an absent row.
 */
export function asUnavailable(error: unknown): Error {
  return error instanceof AwsRefusal ? new BackendUnavailable(BACKEND, { cause: error }) : (error as Error);
}
