// The Node side of what is measured, in a process of its own: it carries out the
// tasks it reads from standard input, as package measure describes them.
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import { idempotent } from './idempotent.mjs';

process.env.AWS_LAMBDA_FUNCTION_NAME ??= 'payments';

const payload = { amount: 1250, currency: 'EUR', description: 'coffee '.repeat(40).slice(0, 272) };

function answer(size) {
  let text = '{"lines":[';
  for (let i = 0; text.length < size; i++) {
    const id = (BigInt(i + 1) * 0x9e3779b97f4a7c15n).toString(16).padStart(17, '0').slice(-16);
    text += `{"id":"${id}","quantity":${i % 10},"price":${(i * 7919) % 10000}},`;
  }
  return text.slice(0, size);
}

// What each message of a batch is, by path.
const batchWork = {
  batch: async () => {},
  'batch-100ms': () => new Promise((resolve) => setTimeout(resolve, 100)),
};

// prepareBatch handles batches of SQS, from the JSON that Lambda delivers to the
// JSON that it is told, as the documentation of the batch utility shows: messages
// are processed at the same time, each idempotently under its id.
function prepareBatch(task) {
  let executions = 0;
  const process = idempotent(
    async () => {
      await batchWork[task.Path]();
      executions++;
    },
    { tableName: task.Table, key: 'messageId', payload: 'body', clientConfig: { endpoint: task.Endpoint, region: 'us-east-1' } },
  );
  const processor = new BatchProcessor(EventType.SQS);
  const operate = async () => {
    const batch = batchOf(randomUUID());
    const before = executions;
    const response = JSON.stringify(await processPartialResponse(JSON.parse(batch), process, processor));
    if (response !== '{"batchItemFailures":[]}' || executions !== before + batchSize) throw new Error(`a batch was answered with ${response}`);
  };
  return { operate, executions: () => executions / batchSize };
}

const batchSize = 10;

function batchOf(id) {
  return JSON.stringify({
    Records: Array.from({ length: batchSize }, (_, i) => ({
      messageId: `${id}-${i}`,
      receiptHandle: 'receipt',
      body: JSON.stringify(payload),
      attributes: { ApproximateReceiveCount: '1', SentTimestamp: '1767225600000' },
      messageAttributes: {},
      md5OfBody: '',
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:us-east-1:123456789012:payments',
      awsRegion: 'us-east-1',
    })),
  });
}

function prepare(task) {
  if (task.Path in batchWork) return prepareBatch(task);
  let executions = 0;
  const response = { statusCode: 201, headers: { 'content-type': 'application/json' }, body: answer(task.Response) };
  const call = idempotent(
    async () => {
      executions++;
      return response;
    },
    {
      tableName: task.Table,
      key: 'key',
      payload: 'body',
      useLocalCache: task.Path === 'cached',
      clientConfig: { endpoint: task.Endpoint, region: 'us-east-1' },
    },
  );
  const once = randomUUID();
  const operate = async () => {
    const key = task.Path === 'first' ? randomUUID() : once;
    const result = await call({ key, body: payload });
    if (result.body.length !== response.body.length) throw new Error('another response came back');
  };
  return { operate, executions: () => executions };
}

async function repeat(concurrency, milliseconds, operate) {
  const took = [];
  const end = performance.now() + milliseconds;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (;;) {
        const start = performance.now();
        if (start >= end) return;
        await operate();
        took.push(performance.now() - start);
      }
    }),
  );
  return took.sort((a, b) => a - b);
}

async function count(n, operate) {
  const took = [];
  for (let i = 0; i < n; i++) {
    const start = performance.now();
    await operate();
    took.push(performance.now() - start);
  }
  return took.sort((a, b) => a - b);
}

async function perform(task) {
  const { operate, executions } = prepare(task);
  const executes = task.Path === 'first' || task.Path in batchWork;
  const run = (part) =>
    task.Operations > 0
      ? count(Math.max(Math.floor(task.Operations / part), 1), operate)
      : repeat(task.Concurrency, task.Milliseconds / part, operate);
  if (!executes) await operate();
  const warm = await run(4);
  globalThis.gc?.();
  const before = executions();
  const cpu = process.cpuUsage();
  const start = performance.now();
  const took = await run(1);
  const wall = performance.now() - start;
  const used = process.cpuUsage(cpu);
  const executed = executions() - before;
  if (executed !== (executes ? took.length : 0)) throw new Error(`${executed} executions in ${took.length} calls`);
  const percentile = (p) => Math.round(took[Math.min(Math.floor((took.length * p) / 100), took.length - 1)] * 1e6);
  return {
    Operations: took.length,
    Calls: warm.length + took.length,
    Wall: Math.round(wall * 1e6),
    CPU: (used.user + used.system) * 1000,
    P50: percentile(50),
    P99: percentile(99),
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  const task = JSON.parse(line);
  let result;
  try {
    result = await perform(task);
  } catch (error) {
    result = { Error: `${task.Subject} ${task.Path}: ${error.stack}` };
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
