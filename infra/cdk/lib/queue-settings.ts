import { Aws, Duration, Token } from 'aws-cdk-lib';
import { Problems } from './problems';
import { RedriveQueueProps } from './props';
import {
  DEAD_LETTER_DAYS,
  FunctionSettings,
  MARGIN_DAYS,
  MOST_DAYS,
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

/** Receives kept for what uses up a receive without an attempt: busy leases, throttles, outages. */
const HEADROOM = 5;
/** SQS's limit of `maxReceiveCount`. */
const MOST_RECEIVES = 1_000;
/** SQS's limit of a visibility timeout, in seconds. */
const LONGEST_VISIBILITY = 43_200;

/** A queue pair's settings, complete and fitting together. */
export interface QueueSettings extends FunctionSettings, PagingSettings {
  readonly name: string;
  readonly fifo: boolean;
  readonly direct: boolean;
  readonly producerArn: string | undefined;
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
  const indexerTimeout = props.indexerTimeout ?? Duration.minutes(1);
  problems.seconds('indexerTimeout', indexerTimeout, [5, 900]);
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
    keyPointer: pointer,
    scope,
    reading: reading(problems, props, scope, pointer),
    policy: policy(problems, props),
    destinations: destinations(problems, props.destinationArns ?? [], fifo),
    maximumConcurrency: problems.number('maximumConcurrency', props.maximumConcurrency ?? 10, [2, 1_000]),
    pollers: pollers(problems, props),
    concurrency: problems.number('concurrency', props.concurrency ?? 64, [1, 1_000]),
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
  const least = problems.number('pollers.minimum', pollers.minimum, [2, 200]);
  problems.number('pollers.maximum', pollers.maximum, [least, 10_000]);
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
  const processor = problems.seconds('processorTimeout', props.processorTimeout ?? Duration.seconds(30), [2, 900]);
  const unsaid = Duration.seconds(Math.max(1, Math.floor((processor * 2) / 3)));
  const handler = problems.seconds('handlerTimeout', props.handlerTimeout ?? unsaid, [1, 890]);
  if (handler >= processor) {
    problems.refuse(
      'handlerTimeout',
      `is ${handler} s, and the function itself is ended after ${processor} s`,
      'less than processorTimeout',
    );
  }
  const window = problems.seconds('batchingWindow', props.batchingWindow ?? Duration.seconds(0), [0, 300]);
  const batchSize = problems.number('batchSize', props.batchSize ?? 10, [1, 10_000]);
  if (fifo && batchSize > 10) {
    problems.refuse('batchSize', `is ${batchSize}, and the queue is a FIFO queue`, "at most 10, which is Lambda's limit there");
  } else if (batchSize > 10 && window === 0) {
    problems.refuse(
      'batchSize',
      `is ${batchSize}, without a batching window`,
      'at most 10, or a batchingWindow of at least 1 s',
    );
  }
  if (fifo && window > 0) {
    problems.refuse('batchingWindow', 'is given, and the queue is a FIFO queue', 'none: Lambda knows no window there');
  }
  // Lambda's own advice. It also keeps a lease, which outlasts the handler by 6 s, below the visibility timeout.
  const least = Math.min(6 * processor + window, LONGEST_VISIBILITY);
  const visibilityTimeout = props.visibilityTimeout ?? Duration.seconds(least);
  const visibility = problems.seconds('visibilityTimeout', visibilityTimeout, [12, LONGEST_VISIBILITY]);
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
  const mainDays = problems.days('mainRetention', props.mainRetention ?? Duration.days(4), [1, DEAD_LETTER_DAYS - 1]);
  const queueDays = mainDays + DEAD_LETTER_DAYS;
  const ledgerDays = problems.days('ledgerRetention', props.ledgerRetention ?? Duration.days(30), [
    queueDays + MARGIN_DAYS,
    MOST_DAYS,
  ]);
  const { resolved, body } = retention(problems, props, queueDays);
  return { mainDays, ledgerDays, resolvedDays: resolved, bodyDays: body };
}

function receives(
  problems: Problems,
  props: RedriveQueueProps,
  fifo: boolean,
): Pick<QueueSettings, 'schedule' | 'maxReceiveCount'> {
  const { text, attempts } = schedule(problems, props.retrySchedule ?? 'steps');
  const least = attempts + HEADROOM;
  const count = problems.number('maxReceiveCount', props.maxReceiveCount ?? (fifo ? MOST_RECEIVES : least), [2, MOST_RECEIVES]);
  if (fifo && count !== MOST_RECEIVES) {
    problems.refuse(
      'maxReceiveCount',
      `is ${count}, and on a FIFO queue the messages behind a failing one would die with it`,
      `${MOST_RECEIVES}, or nothing`,
    );
  } else if (count < least) {
    problems.refuse(
      'maxReceiveCount',
      `is ${count}, and the retry schedule has ${attempts} attempts`,
      `at least ${least}: attempts and ${HEADROOM} more`,
    );
  }
  return { schedule: text, maxReceiveCount: count };
}

function schedule(
  problems: Problems,
  given: NonNullable<RedriveQueueProps['retrySchedule']>,
): { text: string; attempts: number } {
  if (given === 'steps') {
    return { text: given, attempts: 6 };
  }
  if (given === 'exponential') {
    return { text: given, attempts: 10 };
  }
  if (given.length < 1 || given.length > 20) {
    problems.refuse('retrySchedule', `has ${given.length} delays`, '1 to 20');
  }
  const delays = given.map((delay, at) => problems.seconds(`retrySchedule[${at}]`, delay, [1, 11 * 3_600]));
  return { text: delays.map((seconds) => `${seconds}s`).join(','), attempts: given.length + 1 };
}
