// The Node side of what is measured, in a process of its own: it carries out the
// tasks it reads from standard input, as package measure describes them.
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
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

function prepare(task) {
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

async function perform(task) {
  const { operate, executions } = prepare(task);
  if (task.Path !== 'first') await operate();
  const warm = await repeat(task.Concurrency, task.Milliseconds / 4, operate);
  globalThis.gc?.();
  const before = executions();
  const cpu = process.cpuUsage();
  const start = performance.now();
  const took = await repeat(task.Concurrency, task.Milliseconds, operate);
  const wall = performance.now() - start;
  const used = process.cpuUsage(cpu);
  const executed = executions() - before;
  if (executed !== (task.Path === 'first' ? took.length : 0)) throw new Error(`${executed} executions in ${took.length} calls`);
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
