// One function made idempotent by Powertools for AWS Lambda, as its
// documentation shows: a key of the request's, and a payload that has to match.
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';

export function idempotent(handler, { tableName, key, payload, useLocalCache, clientConfig }) {
  const config = new IdempotencyConfig({
    eventKeyJmesPath: key,
    payloadValidationJmesPath: payload,
    throwOnNoIdempotencyKey: true,
    expiresAfterSeconds: 24 * 3600,
    useLocalCache,
  });
  config.registerLambdaContext({ getRemainingTimeInMillis: () => 10_000 });
  return makeIdempotent(handler, {
    persistenceStore: new DynamoDBPersistenceLayer({ tableName, clientConfig }),
    config,
  });
}
