// A function made idempotent by Powertools for AWS Lambda (TypeScript). Reads invocations from standard input, one JSON
// object a line, and answers each with a line: the function's result and how often it was executed in this process, or the
// name of the error.

import { createInterface } from 'node:readline';
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';

let executions = 0;

const context = { getRemainingTimeInMillis: () => 60_000 };

const handlers = Object.fromEntries(
  ['md5', 'sha256'].map((hashFunction) => {
    const config = new IdempotencyConfig({
      eventKeyJmesPath: 'id',
      payloadValidationJmesPath: 'amount',
      throwOnNoIdempotencyKey: true,
      hashFunction,
    });
    config.registerLambdaContext(context);
    const handler = makeIdempotent(
      async (event) => {
        executions += 1;
        if (event.dies) {
          process.exit(1);
        }
        return { by: 'TypeScript', number: executions };
      },
      {
        config,
        persistenceStore: new DynamoDBPersistenceLayer({ tableName: process.env.TABLE }),
        keyPrefix: process.env.OPERATION,
      },
    );
    return [hashFunction, handler];
  }),
);

for await (const line of createInterface({ input: process.stdin })) {
  const event = JSON.parse(line);
  let answer;
  try {
    answer = { result: await handlers[event.hash](event) };
  } catch (error) {
    answer = { error: error.name };
  }
  process.stdout.write(`${JSON.stringify({ ...answer, executions })}\n`);
}
