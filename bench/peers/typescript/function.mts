// Powertools for AWS Lambda (TypeScript): partial batches and idempotency, with a handler that does nothing. A small loop stands for
// Lambda's own runtime of Node, which is not published.

import { Agent, request } from 'node:http';
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';

type Order = { order_id: string; fail: boolean };

const persistenceStore = new DynamoDBPersistenceLayer({ tableName: process.env.TABLE_NAME! });
const config = new IdempotencyConfig({ eventKeyJmesPath: 'order_id' });
const charge = makeIdempotent(
  async (order: Order) => {
    if (order.fail) throw new Error('not yet');
    return {};
  },
  { persistenceStore, config, dataIndexArgument: 0 },
);
const processor = new BatchProcessor(EventType.SQS);
const handle = async (record: { body: string }) => void (await charge(JSON.parse(record.body) as Order));

async function handler(event: any, context: any) {
  config.registerLambdaContext(context);
  return processPartialResponse(event, handle as any, processor, { context, throwOnFullBatchFailure: false });
}

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API!.split(':');
const agent = new Agent({ keepAlive: true });

function call(method: string, path: string, body?: string): Promise<{ headers: any; body: string }> {
  const headers = body === undefined ? {} : { 'content-length': Buffer.byteLength(body), 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, method, agent, path: `/2018-06-01/runtime/invocation/${path}`, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', () => resolve({ headers: answer.headers, body: Buffer.concat(chunks).toString() }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

for (;;) {
  const { headers, body } = await call('GET', 'next');
  const id = headers['lambda-runtime-aws-request-id'];
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const context = { awsRequestId: id, getRemainingTimeInMillis: () => deadline - Date.now() };
  try {
    await call('POST', `${id}/response`, JSON.stringify(await handler(JSON.parse(body), context)));
  } catch (error) {
    await call('POST', `${id}/error`, JSON.stringify({ errorMessage: String(error) }));
  }
}
