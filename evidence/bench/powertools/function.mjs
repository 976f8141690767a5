// A function like the demo's, made idempotent by Powertools, with as little of a
// Lambda runtime around it as will do: Lambda's own has more to start.
import http from 'node:http';
import { idempotent } from './idempotent.mjs';

const handler = idempotent(
  async (event) => ({
    statusCode: 201,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: crypto.randomUUID(), ...JSON.parse(event.body) }),
  }),
  { tableName: process.env.IDEMPOTENCY_TABLE, key: 'headers."idempotency-key"', payload: 'body', useLocalCache: true },
);

const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true });

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ hostname, port, method, path: `/2018-06-01/runtime/invocation/${path}`, agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ headers: response.headers, text: Buffer.concat(chunks).toString() }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

for (;;) {
  const { headers, text } = await call('GET', 'next');
  const id = headers['lambda-runtime-aws-request-id'];
  try {
    await call('POST', `${id}/response`, JSON.stringify(await handler(JSON.parse(text))));
  } catch (error) {
    await call('POST', `${id}/error`, JSON.stringify({ errorType: error.name, errorMessage: error.message }));
  }
}
