import { Aws, Duration, aws_cloudwatch as cloudwatch, aws_lambda as lambda } from 'aws-cdk-lib';
import { metricOf } from './metrics';
import { PagingSettings } from './settings';

/** Functions and queues that the alarms watch. */
export interface Watched {
  /** None where the consumer is not ours. */
  readonly processor: lambda.IFunction | undefined;
  readonly indexer: lambda.IFunction;
  readonly replay: lambda.IFunction;
  /** Names of queues. No main queue: a list of them, whose ages the replay reads. */
  readonly main: string | undefined;
  /** Name of the dead-letter queue, only where its messages are to be taken. */
  readonly dead: string | undefined;
  readonly failures: string;
  /** Words by which a person knows the dead-letter queue. */
  readonly deadText: string;
}

/**
 * Page that an alarm belongs to: for what may be lost or is not seen any more, or for what waits for a person. A
 * composite alarm acts when it begins to ring only, so a letter that waits for days must not stand before the former.
 * `itself`: about loss, and may ring for days.
 */
export type Page = 'urgent' | 'work' | 'itself';

/** An alarm of a single metric. */
export interface Rule {
  readonly id: string;
  readonly says: string;
  readonly metric: cloudwatch.Metric;
  readonly periods: number;
  readonly datapoints?: number;
  readonly threshold: number;
  readonly missing?: cloudwatch.TreatMissingData;
  readonly below?: true;
  readonly page: Page;
  /** Minutes in which a new alarm is silent, because it has no reading yet. */
  readonly warmUp?: number;
}

const STACK = Aws.STACK_NAME;
const ofQueue = (queue: string, metricName: string, minutes: number): cloudwatch.Metric =>
  new cloudwatch.Metric({
    namespace: 'AWS/SQS',
    metricName,
    dimensionsMap: { QueueName: queue },
    statistic: 'Maximum',
    period: Duration.minutes(minutes),
  });
const ofFunction = (fn: lambda.IFunction, metricName: string, minutes: number): cloudwatch.Metric =>
  new cloudwatch.Metric({
    namespace: 'AWS/Lambda',
    metricName,
    dimensionsMap: { FunctionName: fn.functionName },
    statistic: 'Sum',
    period: Duration.minutes(minutes),
  });
const every = (statistic: string, minutes: number): cloudwatch.MetricOptions => ({
  statistic,
  period: Duration.minutes(minutes),
});

/**
 * Rules about letters: gauges that the replay writes by its schedule, of all queues together; a run that is missing
 * keeps the state. They ring at the first reading and fall silent after a quarter of an hour without one, so that a
 * drain, or a letter that dies again, does not make them flap.
 */
function ofLetters(watched: Watched, paging: PagingSettings): Rule[] {
  const gauge = { periods: 15, datapoints: 1, missing: cloudwatch.TreatMissingData.IGNORE, page: 'work' as const };
  const metric = (name: string): cloudwatch.Metric => metricOf(watched.replay, name, undefined, every('Maximum', 1));
  return [
    {
      id: 'WaitingForAPersonAlarm',
      says:
        `Letters wait for a person: the policy never replays them. See why: redrive causes --stack ${STACK}. Then, by ` +
        'cause: redrive replay, once it is mended, or redrive discard.',
      metric: metric('LettersForAPerson'),
      threshold: paging.forAPersonLimit,
      ...gauge,
    },
    {
      id: 'PendingAlarm',
      says:
        'More letters wait than the objective allows (PendingLimit). See which causes are the largest: redrive causes --stack ' +
        `${STACK}. Mend that first; what may pass by itself is then replayed by itself.`,
      metric: metric('LettersPending'),
      threshold: paging.pendingLimit,
      ...gauge,
    },
    {
      id: 'OldestPendingAlarm',
      says:
        'A letter waits for longer than the objective allows (OldestPendingLimitSeconds). Find it: redrive list --oldest ' +
        `--stack ${STACK}. Then redrive show, and redrive replay or redrive discard.`,
      metric: metric('OldestPendingAge'),
      threshold: paging.oldestPendingSeconds,
      ...gauge,
    },
  ];
}

/**
 * Rules about the main queue. Where the mapping is disabled, or may not poll, or is throttled to nothing, there is no
 * invocation and so no error: SQS deletes at the end of the retention what nobody received. What was received three
 * times is not in this metric: retries.
 */
function ofTheMainQueue(watched: Watched, paging: PagingSettings): Rule[] {
  if (watched.main === undefined) {
    return ofMainQueues(watched, paging);
  }
  return [
    {
      id: 'MainQueueAgeAlarm',
      says:
        'A message waits in the main queue for longer than MainQueueAgeLimitSeconds, and its consumer does not take it: the ' +
        `mapping, its role or its key, throttles, or a backlog. See which: redrive doctor --stack ${STACK}. SQS deletes it when ` +
        'the retention ends.',
      metric: ofQueue(watched.main, 'ApproximateAgeOfOldestMessage', 5),
      periods: 1,
      threshold: paging.mainQueueAgeSeconds,
      page: 'urgent',
    },
  ];
}

/**
 * Rules about a list of main queues. The replay reads their ages, because neither an alarm nor SQS knows the highest of
 * several queues.
 */
function ofMainQueues(watched: Watched, paging: PagingSettings): Rule[] {
  const { IGNORE } = cloudwatch.TreatMissingData;
  return [
    {
      id: 'MainQueuesAgeAlarm',
      says:
        'A message waits in one of the main queues for longer than MainQueueAgeLimitSeconds, and its consumer does not take it: ' +
        `the mapping, its role or its key, throttles, or a backlog. See which: redrive doctor --stack ${STACK}, or the replay's ` +
        'log, which names the queue. SQS deletes it when the retention ends.',
      metric: metricOf(watched.replay, 'MainQueueOldestAge', undefined, every('Maximum', 5)),
      periods: 3,
      datapoints: 1,
      threshold: paging.mainQueueAgeSeconds,
      missing: IGNORE,
      page: 'urgent',
    },
    {
      // A single reading in vain rings nothing.
      id: 'MainQueuesUnreadAlarm',
      says:
        'For a quarter of an hour the replay could not read how old the messages in some of the main queues are, so no alarm ' +
        'watches them. Its log says why: a role that may not cloudwatch:GetMetricData, or throttles. See redrive ' +
        `doctor --stack ${STACK}.`,
      metric: metricOf(watched.replay, 'MainQueuesUnread', undefined, every('Minimum', 15)),
      periods: 1,
      threshold: 0,
      missing: IGNORE,
      page: 'urgent',
    },
  ];
}

/** Rules about dead messages that are no letters yet. */
function ofTheDead(watched: Watched): Rule[] {
  const metric = (name: string, statistic: string): cloudwatch.Metric =>
    metricOf(watched.indexer, name, undefined, every(statistic, 5));
  const rules: Rule[] = [
    {
      id: 'NewFingerprintAlarm',
      says:
        `Messages died of a cause that nobody has seen before. See it: redrive causes --stack ${STACK} --since 1h, then ` +
        'redrive show one of its letters. A deployment may be the reason.',
      metric: metric('NewFingerprints', 'Sum'),
      periods: 3,
      datapoints: 1,
      threshold: 0,
      page: 'work',
    },
    {
      // By the time of sending, which SQS's own age of a dead letter hides.
      id: 'ExpiryAlarm',
      says:
        'SQS will delete a message from a dead-letter queue within 24 hours, and the indexer cannot take it. See why it stays: ' +
        "the indexer's log says so, message by message. What must not be lost: read it out of the queue by hand now.",
      metric: metric('TimeToExpiry', 'Minimum'),
      periods: 3,
      datapoints: 1,
      threshold: 86_400,
      below: true,
      page: 'urgent',
    },
    {
      // A message that somebody still runs stays for a run or two; one that stays for half an hour is stuck. SQS's own age does
      // not show it: messages that were received three times leave that metric. It may ring for days, so it pages by itself.
      id: 'UnindexableAlarm',
      says:
        'Messages stay in a dead-letter queue although the indexer sees them. Its log says why, message by message; they are ' +
        `lost when SQS's retention ends. See what is known: redrive status --stack ${STACK}.`,
      metric: metric('Unindexable', 'Sum'),
      periods: 6,
      threshold: 0,
      page: 'itself',
    },
  ];
  if (watched.dead !== undefined) {
    // Waiting for the indexer is a matter of seconds; a message this old is one that it has not even seen.
    rules.push({
      id: 'DeadLetterAgeAlarm',
      says:
        `A message waits in ${watched.deadText}, and the indexer does not come for it. See whether its schedule runs and its ` +
        `function works: redrive status --stack ${STACK}, and the indexer's log.`,
      metric: ofQueue(watched.dead, 'ApproximateAgeOfOldestMessage', 5),
      periods: 1,
      threshold: 900,
      page: 'urgent',
    });
  }
  return rules;
}

/** Errors of a function, again and again. */
const ERRORS = { periods: 5, datapoints: 3, threshold: 0, page: 'urgent' as const };

/** Rules about the processor, where it is ours. */
function ofTheProcessor(watched: Watched): Rule[] {
  if (watched.processor === undefined || watched.main === undefined) {
    return [];
  }
  return [
    {
      // Lambda follows a chain of invocations through SQS by the trace header, which SDKs pass on, and drops what has gone
      // round some 16 times; it is no error. The message stays, and each drop is a receive.
      id: 'RecursionAlarm',
      says:
        'Lambda has dropped invocations of the processor, because its messages go round: a handler sends to the queue that it is ' +
        'fed from, maybe by way of others. Stop it, or allow it with put-function-recursion-config. The messages stay in the ' +
        'queue, and each drop uses up a receive; on a FIFO queue their groups wait. See them: redrive status --stack ' +
        `${STACK}.`,
      metric: ofFunction(watched.processor, 'RecursiveInvocationsDropped', 1),
      periods: 5,
      datapoints: 1,
      threshold: 0,
      page: 'urgent',
    },
    {
      // 70 % of SQS's limit of 120,000: there backoff shortens, so that the queue goes on.
      id: 'InFlightAlarm',
      says:
        'So many messages wait for their next attempt that the queue may soon give out no more. Something fails for nearly ' +
        "all of them: see the processor's log, and stop the source or mend it.",
      metric: ofQueue(watched.main, 'ApproximateNumberOfMessagesNotVisible', 1),
      periods: 5,
      datapoints: 3,
      threshold: 84_000,
      page: 'urgent',
    },
    {
      id: 'ProcessorErrorsAlarm',
      says:
        'Whole batches of the processor fail, again and again: a table is out of reach, nothing in a batch succeeds, or the ' +
        'function does not start. Its log says which; nothing is lost meanwhile.',
      metric: ofFunction(watched.processor, 'Errors', 1),
      ...ERRORS,
    },
  ];
}

/** Rules about the functions that do the work. */
function ofTheMachinery(watched: Watched): Rule[] {
  const silent = {
    periods: 2,
    threshold: 1,
    below: true as const,
    missing: cloudwatch.TreatMissingData.BREACHING,
    page: 'urgent' as const,
    warmUp: 120,
  };
  return [
    ...ofTheProcessor(watched),
    {
      id: 'IndexerErrorsAlarm',
      says:
        'The indexer fails, again and again: a queue or a table is out of reach, or its configuration is refused. Its log says ' +
        'which; dead letters wait in their queue meanwhile.',
      metric: ofFunction(watched.indexer, 'Errors', 1),
      ...ERRORS,
    },
    {
      id: 'ReplayErrorsAlarm',
      says:
        'The replay fails, again and again: a queue or a table is out of reach, or its configuration is refused. Its log says ' +
        'which; letters wait meanwhile.',
      metric: ofFunction(watched.replay, 'Errors', 1),
      ...ERRORS,
    },
    {
      id: 'FailedInvocationsAlarm',
      says:
        'Invocations of the indexer or the replay failed for good, or could not be delivered. They wait in the ' +
        'failed-invocations queue, each with its error; schedules come again, so empty it once the reason is gone.',
      metric: ofQueue(watched.failures, 'ApproximateNumberOfMessagesVisible', 1),
      periods: 5,
      datapoints: 1,
      threshold: 0,
      page: 'work',
    },
    // Rates are an hour at most. The warm-up keeps a new stack, which has no reading yet, from ringing.
    {
      id: 'IndexerSilentAlarm',
      says:
        'The indexer has not run for two hours. See whether its schedule is enabled and may invoke it; until then dead letters ' +
        'wait in their queue.',
      metric: ofFunction(watched.indexer, 'Invocations', 60),
      ...silent,
    },
    {
      id: 'ReplaySilentAlarm',
      says:
        'The replay has not run for two hours, and the metrics of letters are as old. See whether its schedule is enabled ' +
        'and may invoke it.',
      metric: ofFunction(watched.replay, 'Invocations', 60),
      ...silent,
    },
  ];
}

/** Every alarm of a single metric that is for people. */
export function alarmRules(watched: Watched, paging: PagingSettings): Rule[] {
  return [
    ...ofTheMainQueue(watched, paging),
    ...ofLetters(watched, paging),
    ...ofTheDead(watched),
    ...ofTheMachinery(watched),
  ];
}

/**
 * Rings the doorbell. Visible messages, not sent ones: the move by SQS's redrive policy does not count as a send. It comes and
 * goes with every drain, so it rings for the indexer alone, and no person is told.
 */
export function depthRule(dead: string, deadText: string): Rule {
  return {
    id: 'DepthAlarm',
    says: `Messages wait in ${deadText}. Rings the indexer's doorbell; nobody needs to do anything.`,
    metric: ofQueue(dead, 'ApproximateNumberOfMessagesVisible', 1),
    periods: 1,
    threshold: 0,
    page: 'itself',
  };
}

/** Letters that wait, by which an hour is judged in which every quarter ended with more than the one before. */
export function pendingByQuarter(watched: Watched): cloudwatch.Metric {
  return metricOf(watched.replay, 'LettersPending', undefined, every('Maximum', 15));
}
