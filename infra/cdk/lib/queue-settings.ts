import { Aws, Duration, Token } from 'aws-cdk-lib';
import { LIMITS, attempts as attemptsOf, count, days, fallback, least as leastOf, range, seconds } from './functions-settings';
import { Problems } from './problems';
import { PowertoolsProps, RedriveQueueProps } from './props';
import {
  FunctionSettings,
  PagingSettings,
  Policy,
  Reading,
  destinations,
  functionSettings,
  keyPointer,
  ledgerScope,
  pagingSettings,
  policy,
  reading,
  retention,
} from './settings';

/** Limit of `maxReceiveCount`, by SQS. */
const MOST_RECEIVES = LIMITS.most_receives;
/** Limit of a batch without a window, and of one of a FIFO queue, by Lambda. */
const SMALL_BATCH = LIMITS.batch_without_window;

/** A queue pair's settings, complete and fitting together. */
export interface QueueSettings extends FunctionSettings, PagingSettings {
  readonly name: string;
  readonly fifo: boolean;
  readonly direct: boolean;
  readonly producerArn: string | undefined;
  readonly powertools: PowertoolsProps | undefined;
  readonly keyPointer: string;
  readonly scope: string;
  readonly reading: Reading;
  readonly policy: Policy;
  readonly destinations: readonly string[];
  readonly schedule: string;
  readonly maxReceiveCount: number;
  readonly processorTimeout: Duration;
  readonly handlerSeconds: number;
  readonly visibilityTimeout: Duration;
  readonly batchSize: number;
  readonly batchingWindow: Duration;
  readonly maximumConcurrency: number;
  readonly pollers: RedriveQueueProps['pollers'];
  readonly concurrency: number;
  readonly outageBrake: 'on' | 'quiet' | 'off';
  readonly custody: boolean;
  readonly indexerTimeout: Duration;
  readonly mainDays: number;
  readonly ledgerDays: number;
  readonly resolvedDays: number;
  readonly bodyDays: number | undefined;
}

/** Reads it; `path` is the construct's path in its stack. */
export function queueSettings(problems: Problems, props: RedriveQueueProps, stackName: string, path: string): QueueSettings {
  const fifo = (props.queueType ?? 'standard') === 'fifo';
  const scope = ledgerScope(problems, 'ledgerScope', props.ledgerScope ?? 'main');
  const indexerTimeout = Duration.seconds(seconds(problems, 'indexerTimeout', props.indexerTimeout));
  if (props.powertools !== undefined && (props.powertools.keyPrefixes.length === 0 || props.powertools.keyPrefixes.length > 8)) {
    problems.refuse('powertools.keyPrefixes', `has ${props.powertools.keyPrefixes.length} prefixes`, '1 to 8');
  }
  const producerArn = props.producerArn;
  if (producerArn !== undefined) {
    problems.text(
      'producerArn',
      producerArn,
      /^arn:[a-z-]+:(sns|events):[a-z0-9-]+:[0-9]{12}:.{1,300}$/,
      'the ARN of a topic or a rule',
    );
  }
  const pointer = keyPointer(problems, 'idempotencyKey', props.idempotencyKey);
  return {
    ...functionSettings(problems, props),
    ...pagingSettings(problems, props),
    ...times(problems, props, fifo),
    ...retentions(problems, props),
    ...receives(problems, props, fifo),
    name: nameOf(problems, props, stackName, path),
    fifo,
    direct: (props.onDead ?? (fifo ? 'direct' : 'redrive')) === 'direct',
    producerArn,
    powertools: props.powertools,
    keyPointer: pointer,
    scope,
    reading: reading(problems, props, scope, pointer),
    policy: policy(problems, props),
    destinations: destinations(problems, props.destinationArns ?? [], fifo),
    maximumConcurrency: count(problems, 'maximumConcurrency', props.maximumConcurrency),
    pollers: pollers(problems, props),
    concurrency: count(problems, 'concurrency', props.concurrency),
    outageBrake: props.outageBrake ?? 'on',
    custody: props.custody ?? true,
    indexerTimeout,
  };
}

/** Lambda takes provisioned pollers or a maximum concurrency. */
function pollers(problems: Problems, { pollers, maximumConcurrency }: RedriveQueueProps): RedriveQueueProps['pollers'] {
  if (pollers === undefined) {
    return undefined;
  }
  const least = problems.number('pollers.minimum', pollers.minimum, [2, range('pollers.minimum')[1]]);
  problems.number('pollers.maximum', pollers.maximum, [least, range('pollers.maximum')[1]]);
  if (maximumConcurrency !== undefined) {
    problems.refuse('maximumConcurrency', 'is given, and so are pollers', 'one of the two');
  }
  return pollers;
}

/** `-main.fifo` stands behind it, and SQS takes 80 characters. */
function nameOf(problems: Problems, props: RedriveQueueProps, stackName: string, path: string): string {
  const name = props.name ?? `${Aws.STACK_NAME}-${path.replace(/[^A-Za-z0-9_-]+/g, '-')}`;
  const known = Token.isUnresolved(stackName) ? name : name.replace(Aws.STACK_NAME, stackName);
  problems.text('name', known, /^[A-Za-z0-9_-]{1,70}$/, '1 to 70 letters, digits, dashes and underscores');
  return name;
}

function times(
  problems: Problems,
  props: RedriveQueueProps,
  fifo: boolean,
): Pick<QueueSettings, 'processorTimeout' | 'handlerSeconds' | 'visibilityTimeout' | 'batchSize' | 'batchingWindow'> {
  const processor = seconds(problems, 'processorTimeout', props.processorTimeout);
  const unsaid = Duration.seconds(Math.max(1, Math.floor((processor * 2) / 3)));
  const handler = problems.seconds('handlerTimeout', props.handlerTimeout ?? unsaid, range('handlerTimeout'));
  if (processor < leastOf('handler-ends-first', handler)) {
    problems.refuse(
      'handlerTimeout',
      `is ${handler} s, and the function itself is ended after ${processor} s`,
      'less than processorTimeout',
    );
  }
  const window = seconds(problems, 'batchingWindow', props.batchingWindow);
  const batchSize = count(problems, 'batchSize', props.batchSize);
  if (fifo && batchSize > SMALL_BATCH) {
    const allowed = `at most ${SMALL_BATCH}, which is Lambda's limit there`;
    problems.refuse('batchSize', `is ${batchSize}, and the queue is a FIFO queue`, allowed);
  } else if (batchSize > SMALL_BATCH && window === 0) {
    problems.refuse(
      'batchSize',
      `is ${batchSize}, without a batching window`,
      `at most ${SMALL_BATCH}, or a batchingWindow of at least 1 s`,
    );
  }
  if (fifo && window > 0) {
    problems.refuse('batchingWindow', 'is given, and the queue is a FIFO queue', 'none: Lambda knows no window there');
  }
  // Lambda's own advice. It also keeps a lease, which outlasts the handler by 6 s, below the visibility timeout.
  const least = Math.min(leastOf('six-timeouts', processor) + window, LIMITS.longest_visibility_seconds);
  const visibilityTimeout = props.visibilityTimeout ?? Duration.seconds(least);
  const visibility = problems.seconds('visibilityTimeout', visibilityTimeout, range('visibilityTimeout'));
  if (visibility < least) {
    problems.refuse(
      'visibilityTimeout',
      `is ${visibility} s, and processorTimeout is ${processor} s`,
      `at least ${least} s: six times that, and the batching window`,
    );
  }
  return {
    processorTimeout: Duration.seconds(processor),
    handlerSeconds: handler,
    visibilityTimeout,
    batchSize,
    batchingWindow: Duration.seconds(window),
  };
}

function retentions(
  problems: Problems,
  props: RedriveQueueProps,
): Pick<QueueSettings, 'mainDays' | 'ledgerDays' | 'resolvedDays' | 'bodyDays'> {
  const main = props.mainRetention ?? Duration.days(fallback('mainRetention'));
  const mainDays = problems.days('mainRetention', main, range('mainRetention'));
  const queueDays = mainDays + LIMITS.dead_letter_retention_days;
  const least = leastOf('ledger-outlasts-queues', mainDays);
  const ledgerDays = days(problems, 'ledgerRetention', props.ledgerRetention, 'LEDGER_RETENTION_DAYS', least);
  const { resolved, body } = retention(problems, props, queueDays);
  return { mainDays, ledgerDays, resolvedDays: resolved, bodyDays: body };
}

function receives(
  problems: Problems,
  props: RedriveQueueProps,
  fifo: boolean,
): Pick<QueueSettings, 'schedule' | 'maxReceiveCount'> {
  const { text, attempts } = schedule(problems, props.retrySchedule ?? 'steps');
  const least = leastOf('receives-for-attempts', attempts);
  const unset = fifo ? MOST_RECEIVES : least;
  const most = problems.number('maxReceiveCount', props.maxReceiveCount ?? unset, range('maxReceiveCount'));
  if (fifo && most !== MOST_RECEIVES) {
    problems.refuse(
      'maxReceiveCount',
      `is ${most}, and on a FIFO queue the messages behind a failing one would die with it`,
      `${MOST_RECEIVES}, or nothing`,
    );
  } else if (most < least) {
    problems.refuse(
      'maxReceiveCount',
      `is ${most}, and the retry schedule has ${attempts} attempts`,
      `at least ${least}: attempts and ${least - attempts} more`,
    );
  }
  return { schedule: text, maxReceiveCount: most };
}

function schedule(
  problems: Problems,
  given: NonNullable<RedriveQueueProps['retrySchedule']>,
): { text: string; attempts: number } {
  if (typeof given === 'string') {
    return { text: given, attempts: attemptsOf(given) };
  }
  if (given.length < 1 || given.length > 20) {
    problems.refuse('retrySchedule', `has ${given.length} delays`, '1 to 20');
  }
  const delays = given.map((delay, at) => problems.seconds(`retrySchedule[${at}]`, delay, [1, 11 * 3_600]));
  return { text: delays.map((seconds) => `${seconds}s`).join(','), attempts: given.length + 1 };
}
