import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { Duration, aws_lambda as lambda, aws_logs as logs } from 'aws-cdk-lib';
import {
  MessageTypes,
  PairText,
  Pointer,
  RedriveAttachmentStackProps,
  RedriveCode,
  RedriveStackProps,
  ReplayRule,
  RuleText,
} from '../lib';
import { RedriveAttachmentProps, RedriveQueueProps } from '../lib';
import { PACKAGE } from './stacks';

/** Values of a SAM template's parameters. */
export type Values = Readonly<Record<string, string>>;
/** Properties of a stack, as far as they are known. */
type Whole = { -readonly [K in keyof RedriveStackProps]: RedriveStackProps[K] };
type Queue = Partial<RedriveQueueProps>;

const seconds = (value: string): Duration => Duration.seconds(Number(value));
const days = (value: string): Duration => Duration.days(Number(value));
const list = (value: string): Pointer[] => value.split(',') as Pointer[];
const hash = (value: string): Queue['payloadHash'] => (value === 'canonical' || value === 'off' ? value : list(value));

function rate(value: string): Duration {
  const minutes = /^rate\((\d+) minutes?\)$/.exec(value)?.[1];
  return Duration.minutes(Number(minutes ?? 'NaN'));
}

function schedule(value: string): Queue['retrySchedule'] {
  return value === 'steps' || value === 'exponential'
    ? value
    : value.split(',').map((delay) => Duration.seconds(Number(delay.replace('s', ''))));
}

function rules(value: string): ReplayRule[] {
  return (JSON.parse(value) as RuleText[]).map(({ match, replay, cool_down_seconds: rest, max_deaths: maxDeaths }) => {
    const found = { errorType: match.error_type, errorCode: match.error_code, fingerprint: match.fingerprint };
    const auto = {
      match: found,
      replay: 'auto' as const,
      ...(rest === undefined ? {} : { coolDown: Duration.seconds(rest) }),
      ...(maxDeaths === undefined ? {} : { maxDeaths }),
    };
    return replay === 'auto' ? auto : { match: found, replay };
  });
}

/** Parameters that both templates have, as properties of either construct. */
const SHARED: Readonly<Record<string, (value: string) => Partial<RedriveQueueProps & RedriveAttachmentProps>>> = {
  Architecture: (value) => ({ architecture: value === 'arm64' ? lambda.Architecture.ARM_64 : lambda.Architecture.X86_64 }),
  Encryption: (value) => ({ encryption: value as 'aws-owned' | 'customer-managed' }),
  Tracing: (value) => ({ tracing: value === 'Active' ? lambda.Tracing.ACTIVE : lambda.Tracing.PASS_THROUGH }),
  Layers: (value) => ({ layerArns: value.split(',') }),
  EventBusArn: (value) => ({ eventBusArn: value }),
  LogLevel: (value) => ({ logLevel: value as Queue['logLevel'] }),
  AllowEject: (value) => ({ allowEject: value === 'true' }),
  IndexerTimeoutSeconds: (value) => ({ indexerTimeout: seconds(value) }),
  SweepRate: (value) => ({ sweepRate: rate(value) }),
  ReplayTimeoutSeconds: (value) => ({ replayTimeout: seconds(value) }),
  ReplayRate: (value) => ({ replayRate: rate(value) }),
  LedgerRetentionDays: (value) => ({ ledgerRetention: days(value) }),
  LogRetentionDays: (value) => ({
    logRetention: value === '90' ? logs.RetentionDays.THREE_MONTHS : logs.RetentionDays.ONE_MONTH,
  }),
  Paging: (value) => ({ paging: value as 'composite' | 'each' }),
  MainQueueAgeLimitSeconds: (value) => ({ mainQueueAgeLimit: seconds(value) }),
  ForAPersonLimit: (value) => ({ forAPersonLimit: Number(value) }),
  PendingLimit: (value) => ({ pendingLimit: Number(value) }),
  OldestPendingLimitSeconds: (value) => ({ oldestPendingLimit: seconds(value) }),
};

/** The rest of `template.yaml`'s. */
const QUEUE: Readonly<Record<string, (value: string, all: Values) => Queue>> = {
  ...SHARED,
  ProducerArn: (value) => ({ producerArn: value }),
  QueueType: (value) => ({ queueType: value as Queue['queueType'] }),
  OnDead: (value) => (value === 'auto' ? {} : { onDead: value as Queue['onDead'] }),
  PayloadHash: (value) => ({ payloadHash: hash(value) }),
  ErrorMasks: (value) => ({ errorMasks: list(value) }),
  MessageTypeAt: (value, all) => ({
    messageTypes: { at: value as MessageTypes['at'], names: (all['MessageTypes'] ?? '').split(',') },
  }),
  MessageTypes: () => ({}), // with MessageTypeAt
  IdempotencyKeyPointer: (value) => ({ idempotencyKey: value === '' ? 'message-id' : (value as Pointer) }),
  IdempotencyKeyFrom: (value) => ({ idempotencyKeyFrom: value as Queue['idempotencyKeyFrom'] }),
  DuplicateNames: (value) => ({ duplicateNames: value as Queue['duplicateNames'] }),
  BodyWrapping: (value) => ({ bodyWrapping: value as Queue['bodyWrapping'] }),
  LedgerScope: (value) => ({ ledgerScope: value }),
  PowertoolsTableName: (value, all) => ({
    powertools: {
      tableName: value,
      keyPrefixes: list(all['PowertoolsKeyPrefixes'] ?? ''),
      ...(all['PowertoolsKey'] === undefined ? {} : { key: list(all['PowertoolsKey']) }),
    },
  }),
  PowertoolsKeyPrefixes: () => ({}), // with PowertoolsTableName
  PowertoolsKey: () => ({}), // with PowertoolsTableName
  RetrySchedule: (value) => ({ retrySchedule: schedule(value) }),
  MaxReceiveCount: (value) => ({ maxReceiveCount: Number(value) }),
  ProcessorTimeoutSeconds: (value) => ({ processorTimeout: seconds(value) }),
  HandlerTimeoutSeconds: (value) => ({ handlerTimeout: seconds(value) }),
  QueueVisibilityTimeoutSeconds: (value) => ({ visibilityTimeout: seconds(value) }),
  BatchSize: (value) => ({ batchSize: Number(value) }),
  BatchingWindowSeconds: (value) => ({ batchingWindow: seconds(value) }),
  MaximumConcurrency: (value) => ({ maximumConcurrency: Number(value) }),
  MinimumPollers: (value, all) => ({ pollers: { minimum: Number(value), maximum: Number(all['MaximumPollers']) } }),
  MaximumPollers: () => ({}), // with MinimumPollers
  Concurrency: (value) => ({ concurrency: Number(value) }),
  OutageBrake: (value) => ({ outageBrake: value as 'on' | 'quiet' | 'off' }),
  Custody: (value) => ({ custody: value === 'on' }),
  ReplayCoolDownSeconds: (value) => ({ replayCoolDown: seconds(value) }),
  ReplayMaxDeaths: (value) => ({ replayMaxDeaths: Number(value) }),
  ReplayPolicy: (value) => ({ replayRules: rules(value) }),
  ReplayDestinations: (value) => ({ destinationArns: value.split(',') }),
  MainRetentionDays: (value) => ({ mainRetention: days(value) }),
  ResolvedRetentionDays: (value) => ({ resolvedRetention: days(value) }),
  BodyRetentionDays: (value) => (value === 'letter' ? {} : { bodyRetention: days(value) }),
};

const EXAMPLE: Readonly<Record<string, (value: string) => RedriveStackProps>> = {
  Example: (value) => ({ example: value === 'true' }),
  SupportedCurrencies: (value) => ({ currencies: value.split(',') }),
};

/** Every parameter of `template.yaml` that has a property. */
export const WHOLE_PARAMETERS = [...Object.keys(QUEUE), ...Object.keys(EXAMPLE)];

/** Properties of the CDK stack where `template.yaml` is given these parameters. */
export function wholeProps(values: Values, code: RedriveCode): RedriveStackProps {
  const props: Whole = {};
  let queue: Queue = { code };
  for (const [name, value] of Object.entries(values)) {
    queue = { ...queue, ...QUEUE[name]?.(value, values) };
    Object.assign(props, EXAMPLE[name]?.(value));
  }
  return { ...props, queue };
}

/** Members of the single pair that `attach.yaml`'s parameters describe. */
const PAIR: Readonly<Record<string, (value: string, source: string) => Partial<PairText>>> = {
  SourceQueueUrl: (value) => ({ source_url: value }),
  DeadLetterQueueUrl: (value) => ({ dead_letter_url: value }),
  Custody: (value) => ({ custody: value === 'on' }),
  Scope: (value) => ({ scope: value }),
  IdempotencyKeyPointer: (value) => ({ key_pointer: value as Pointer }),
  IdempotencyKeyFrom: (value) => ({ key_from: value as PairText['key_from'] }),
  DuplicateNames: (value) => ({ duplicate_names: value as PairText['duplicate_names'] }),
  BodyWrapping: (value) => ({ body_wrapping: value as PairText['body_wrapping'] }),
  ReplayDestinations: (value, source) => ({ destinations: [source, ...value.split(',')] }),
  MainRetentionDays: (value) => ({ main_retention_days: Number(value) }),
};
const PAIR_POLICY: Readonly<Record<string, (value: string) => NonNullable<PairText['policy']>>> = {
  ReplayCoolDownSeconds: (value) => ({ cool_down_seconds: Number(value) }),
  ReplayMaxDeaths: (value) => ({ max_deaths: Number(value) }),
  ReplayPolicy: (value) => ({ rules: JSON.parse(value) as RuleText[] }),
};
const ATTACHED = ['SourceQueueArns', 'DeadLetterQueueArns', 'QueuePairs', 'QueuePairsFile', 'QueueKeyArns', 'LedgerTableArn', 'LedgerElsewhere'];

/** Every parameter of `attach.yaml` that has a property. */
export const ATTACH_PARAMETERS = [...Object.keys(SHARED), ...Object.keys(PAIR), ...Object.keys(PAIR_POLICY), ...ATTACHED];

/** The list that users are shown. */
export const EXAMPLE_PAIRS = readFileSync(path.join(PACKAGE, '../pairs.example.json'), 'utf8');
const queues = JSON.parse(EXAMPLE_PAIRS) as { readonly pairs: readonly PairText[] };
const arnOf = (url: string): string => `arn:aws:sqs:eu-central-1:${url.split('/').slice(-2).join(':')}`;

/** ARNs of that list. */
export const EXAMPLE_ARNS: Values = {
  SourceQueueArns: queues.pairs.map((pair) => pair.source_arn).join(','),
  DeadLetterQueueArns: queues.pairs.map((pair) => arnOf(pair.dead_letter_url)).join(','),
};

/** Properties of the CDK stack where `attach.yaml` is given these parameters. */
export function attachedProps(values: Values, code: RedriveCode): RedriveAttachmentStackProps {
  let attachment: Partial<RedriveAttachmentProps> = { code };
  let pair: PairText = { source_arn: values['SourceQueueArns'] ?? '', source_url: '', dead_letter_url: '', scope: null };
  let policy: PairText['policy'];
  for (const [name, value] of Object.entries(values)) {
    attachment = { ...attachment, ...SHARED[name]?.(value) };
    pair = { ...pair, ...PAIR[name]?.(value, pair.source_arn) };
    policy = name in PAIR_POLICY ? { ...policy, ...PAIR_POLICY[name]?.(value) } : policy;
  }
  const ledger = values['LedgerTableArn'];
  if (values['LedgerElsewhere'] !== undefined) {
    attachment = { ...attachment, ledgerElsewhere: values['LedgerElsewhere'] === 'true' };
  }
  const file = values['QueuePairsFile'];
  const listed = values['QueuePairs'] !== undefined || file !== undefined;
  return {
    pairs: listed ? queues.pairs : [policy === undefined ? pair : { ...pair, policy }],
    ...(ledger === undefined ? {} : { ledgerTableArn: ledger }),
    ...(values['QueueKeyArns'] === undefined ? {} : { queueKeyArns: values['QueueKeyArns'].split(',') }),
    attachment: file === undefined ? attachment : { ...attachment, pairsFile: file },
  };
}
