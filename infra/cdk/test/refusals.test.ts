import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Duration, Stack, aws_dynamodb as dynamodb, aws_lambda as lambda, aws_logs as logs, aws_sqs as sqs } from 'aws-cdk-lib';
import {
  AttachedPair,
  RedriveAttachment,
  RedriveAttachmentProps,
  RedriveConfigError,
  RedriveQueue,
  RedriveQueueProps,
} from '../lib';
import { range } from '../lib/functions-settings';
import * as document from '../lib/functions-settings.json';
import { app, stub } from './stacks';

const code = stub();
const seconds = (count: number): Duration => Duration.seconds(count);
const minutes = (count: number): Duration => Duration.minutes(count);
const days = (count: number): Duration => Duration.days(count);

/** The properties that are refused, in the order in which they are told. */
function refused(make: () => unknown): string[] {
  try {
    make();
  } catch (error) {
    assert.ok(error instanceof RedriveConfigError, String(error));
    for (const { property, wrong, allowed } of error.problems) {
      assert.ok(error.message.includes(`${property} ${wrong}; allowed: ${allowed}`));
    }
    return error.problems.map(({ property }) => property);
  }
  return [];
}

const queue = (props: Partial<RedriveQueueProps>): string[] =>
  refused(() => new RedriveQueue(new Stack(app(), 'shop'), 'Orders', { idempotencyKey: '/id', code, ...props }));

const CASES: readonly (readonly [sentence: string, props: Partial<RedriveQueueProps>, refused: readonly string[]])[] = [
  ['nothing by default', {}, []],
  ['a visibility below six timeouts', { visibilityTimeout: seconds(179) }, ['visibilityTimeout']],
  [
    'a visibility that forgets the batching window',
    { batchingWindow: seconds(5), visibilityTimeout: seconds(184) },
    ['visibilityTimeout'],
  ],
  ['a handler as slow as its function', { processorTimeout: seconds(20), handlerTimeout: seconds(20) }, ['handlerTimeout']],
  ['fewer receives than attempts and five', { maxReceiveCount: 10 }, ['maxReceiveCount']],
  ['fewer receives than a longer schedule needs', { retrySchedule: 'exponential', maxReceiveCount: 14 }, ['maxReceiveCount']],
  ['a FIFO queue with few receives', { queueType: 'fifo', maxReceiveCount: 11 }, ['maxReceiveCount']],
  ['a large batch without a window', { batchSize: 11 }, ['batchSize']],
  ['a large batch of a FIFO queue', { queueType: 'fifo', batchSize: 11 }, ['batchSize']],
  ['a window on a FIFO queue', { queueType: 'fifo', batchingWindow: seconds(1) }, ['batchingWindow']],
  ['a concurrency that Lambda does not know', { maximumConcurrency: 1 }, ['maximumConcurrency']],
  ['pollers beside a concurrency', { pollers: { minimum: 2, maximum: 3 }, maximumConcurrency: 4 }, ['maximumConcurrency']],
  ['fewer pollers at the most than at the least', { pollers: { minimum: 5, maximum: 4 } }, ['pollers.maximum']],
  ['a single poller', { pollers: { minimum: 1, maximum: 4 } }, ['pollers.minimum']],
  ['six layers', { layerArns: ['a', 'b', 'c', 'd', 'e', 'f'] }, ['layerArns']],
  ['a bus by its name', { eventBusArn: 'operations' }, ['eventBusArn']],
  ['a main queue that keeps as long as its dead', { mainRetention: days(14) }, ['mainRetention']],
  ['a ledger that forgets before the queues do', { mainRetention: days(10), ledgerRetention: days(24) }, ['ledgerRetention']],
  ['letters that go before their copies can die', { resolvedRetention: days(18) }, ['resolvedRetention']],
  ['bodies that outlive their letters', { bodyRetention: days(91) }, ['bodyRetention']],
  ['half a second', { processorTimeout: Duration.millis(2_500) }, ['processorTimeout']],
  [
    'destinations that cannot be',
    { destinationArns: ['refunds', 'arn:aws:sqs:eu-central-1:123456789012:a.fifo'] },
    ['destinationArns[0]', 'destinationArns[1]'],
  ],
  ['an age above half of the shortest retention', { mainQueueAgeLimit: seconds(43_201) }, ['mainQueueAgeLimit']],
  ['a rate above an hour', { sweepRate: minutes(61), replayRate: seconds(90) }, ['sweepRate', 'replayRate']],
  [
    'a pointer that is none',
    { idempotencyKey: 'order_id' as '/order_id', payloadHash: ['/a,b'], errorMasks: [] },
    ['idempotencyKey', 'payloadHash'],
  ],
  [
    'a key at a pointer that is not there',
    { idempotencyKey: 'message-id', idempotencyKeyFrom: 'pointer' },
    ['idempotencyKeyFrom'],
  ],
  ['a detail type without EventBridge', { messageTypes: { at: 'detail-type', names: ['charge'] } }, ['messageTypes.at']],
  ['a type twice', { messageTypes: { at: 'attribute:type', names: ['a', 'a'] } }, ['messageTypes.names']],
  ['a scope with a space', { ledgerScope: 'my orders' }, ['ledgerScope']],
  [
    'a rule with a star inside',
    { replayRules: [{ match: { errorCode: 'a*b' }, replay: 'ask' }] },
    ['replayRules[0].match.errorCode'],
  ],
  ['logs without an end', { logRetention: logs.RetentionDays.INFINITE }, ['logRetention']],
  ['a tracing that Lambda does not know', { tracing: lambda.Tracing.DISABLED }, ['tracing']],
  ['a variable of ours', { environment: { LEDGER_SCOPE: 'mine' } }, ['environment.LEDGER_SCOPE']],
  ['variables of more than 4 KB', { environment: { LARGE: 'x'.repeat(4_096) } }, ['environment']],
  ['a folder without functions', { code: { built: __dirname } }, ['code', 'code', 'code']],
  ['a name that SQS does not take', { name: 'my.orders' }, ['name']],
  [
    'all of it at once',
    { batchSize: 11, maximumConcurrency: 1, forAPersonLimit: -1 },
    ['forAPersonLimit', 'batchSize', 'maximumConcurrency'],
  ],
];

void describe('a queue refuses', () => {
  for (const [sentence, props, expected] of CASES) {
    void it(sentence, () => {
      assert.deepEqual(queue(props), expected);
    });
  }

  void it('to tell its names beside another of the same stack, unless it is told not to', () => {
    const stack = new Stack(app(), 'shop');
    const two = (outputs: boolean): string[] =>
      refused(() => new RedriveQueue(stack, outputs ? 'Mail' : 'Refunds', { idempotencyKey: '/id', code, outputs }));
    new RedriveQueue(stack, 'Orders', { idempotencyKey: '/id', code });
    assert.deepEqual([two(true), two(false)], [['outputs'], []]);
  });
});

/** Properties that are whole numbers, with a value as the property wants it; pollers are held above. */
const NUMBERS: readonly (readonly [property: keyof RedriveQueueProps, of: (count: number) => Duration | number])[] = [
  ['processorTimeout', seconds],
  ['handlerTimeout', seconds],
  ['visibilityTimeout', seconds],
  ['batchSize', Number],
  ['batchingWindow', seconds],
  ['maximumConcurrency', Number],
  ['concurrency', Number],
  ['indexerTimeout', seconds],
  ['replayTimeout', seconds],
  ['replayCoolDown', seconds],
  ['replayMaxDeaths', Number],
  ['maxReceiveCount', Number],
  ['mainRetention', days],
  ['ledgerRetention', days],
  ['resolvedRetention', days],
  ['mainQueueAgeLimit', seconds],
  ['forAPersonLimit', Number],
  ['pendingLimit', Number],
  ['oldestPendingLimit', seconds],
];

void describe('a queue holds to the ranges of infra/settings.json', () => {
  for (const [property, of] of NUMBERS) {
    void it(property, () => {
      const [least, most] = range(property);
      for (const value of [least - 1, most + 1]) {
        if (value >= 0 || of === Number) {
          assert.ok(queue({ [property]: of(value) }).includes(property), `${property} takes ${value}`);
        }
      }
    });
  }

  void it('for every property that has one', () => {
    const listed = document.parameters.filter((one) => 'number' in one.allowed).flatMap((one) => one.property ?? []);
    const held = [...NUMBERS.map(([property]) => property), 'pollers.minimum', 'pollers.maximum'];
    assert.deepEqual(new Set(held), new Set(listed));
  });
});

void describe('an attachment refuses', () => {
  const attach = (
    change: (pair: AttachedPair, stack: Stack) => readonly AttachedPair[],
    more: Partial<RedriveAttachmentProps> = {},
  ): string[] => {
    const stack = new Stack(app(), 'shop');
    const of = (name: string): sqs.IQueue =>
      sqs.Queue.fromQueueArn(stack, name, `arn:aws:sqs:eu-central-1:123456789012:${name}`);
    const pair: AttachedPair = { source: of('orders'), deadLetters: of('orders-dead'), scope: null };
    return refused(() => new RedriveAttachment(stack, 'Redrive', { pairs: change(pair, stack), code, ...more }));
  };
  const other = (stack: Stack, name: string): sqs.IQueue =>
    sqs.Queue.fromQueueArn(stack, name, `arn:aws:sqs:eu-central-1:123456789012:${name}`);

  void it('nothing of a plain pair', () => {
    assert.deepEqual(
      attach((pair) => [pair]),
      [],
    );
  });
  void it('no pair at all', () => {
    assert.deepEqual(
      attach(() => []),
      ['pairs'],
    );
  });
  void it('a scope without a ledger', () => {
    assert.deepEqual(
      attach((pair) => [{ ...pair, scope: 'orders' }]),
      ['pairs[0].scope'],
    );
  });
  void it('a ledger that no pair has a scope in', () => {
    const ledger = dynamodb.Table.fromTableName(new Stack(app(), 'elsewhere'), 'Ledger', 'ledger');
    assert.deepEqual(
      attach((pair) => [pair], { ledger }),
      ['ledger'],
    );
  });
  void it('a queue twice, and a dead-letter queue that is a main queue', () => {
    assert.deepEqual(
      attach((pair) => [pair, pair]),
      ['pairs[1].source', 'pairs[1].deadLetters', 'pairs[1].name'],
    );
    assert.deepEqual(
      attach((pair, stack) => [pair, { ...pair, source: pair.deadLetters, deadLetters: other(stack, 'last') }]),
      ['pairs[0].deadLetters'],
    );
  });
  void it('a FIFO queue with standard dead letters', () => {
    assert.deepEqual(
      attach((pair, stack) => [{ ...pair, source: other(stack, 'orders.fifo') }]),
      ['pairs[0].deadLetters'],
    );
  });
  void it('a list that no variable holds', () => {
    const many = (stack: Stack): AttachedPair[] =>
      Array.from({ length: 40 }, (_, at) => ({
        source: other(stack, `q${at}`),
        deadLetters: other(stack, `d${at}`),
        scope: null,
      }));
    assert.deepEqual(
      attach((_, stack) => many(stack)),
      ['environment'],
    );
    assert.deepEqual(
      attach((_, stack) => many(stack), { pairsFile: '/opt/pairs.json' }),
      [],
    );
  });
});
