import {
  Aws,
  Duration,
  aws_cloudwatch as cloudwatch,
  aws_cloudwatch_actions as actions,
  aws_lambda as lambda,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { Bells } from './bells';
import { metricOf } from './metrics';
import { PagingSettings } from './settings';

/** What is looked at. */
export interface Watched {
  /** None where the consumer is not ours. */
  readonly processor: lambda.IFunction | undefined;
  readonly indexer: lambda.IFunction;
  readonly replay: lambda.IFunction;
  /** Names of queues. */
  readonly main: string | undefined;
  /** Only where its messages are to be taken. */
  readonly dead: string | undefined;
  readonly failures: string;
  /** What a person calls the dead-letter queue. */
  readonly deadText: string;
}

/** An alarm of a single metric. */
interface Rule {
  readonly id: string;
  readonly says: string;
  readonly metric: cloudwatch.Metric;
  readonly periods: number;
  readonly datapoints?: number;
  readonly threshold: number;
  readonly missing?: cloudwatch.TreatMissingData;
  readonly below?: true;
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
 * Of letters: gauges that the replay writes by its schedule, of all queues together; a run that is missing keeps the state.
 * They ring at the first reading and fall silent after a quarter of an hour without one, so that a drain, or a letter that dies
 * again, does not make them flap.
 */
function ofLetters(watched: Watched, paging: PagingSettings): Rule[] {
  const gauge = { periods: 15, datapoints: 1, missing: cloudwatch.TreatMissingData.IGNORE };
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
        'A letter waits for longer than the objective allows (OldestPendingLimitSeconds). Find it: redrive list --stack ' +
        `${STACK}. Then redrive show, and redrive replay or redrive discard.`,
      metric: metric('OldestPendingAge'),
      threshold: paging.oldestPendingSeconds,
      ...gauge,
    },
  ];
}

/** Of dead messages that are no letters yet. */
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
    },
    {
      // A message that somebody still runs stays for a run or two; one that stays for half an hour is stuck. SQS's own age does
      // not show it: messages that were received three times leave that metric.
      id: 'UnindexableAlarm',
      says:
        'Messages stay in a dead-letter queue although the indexer sees them. Its log says why, message by message; they are ' +
        `lost when SQS's retention ends. See what is known: redrive status --stack ${STACK}.`,
      metric: metric('Unindexable', 'Sum'),
      periods: 6,
      threshold: 0,
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
    });
  }
  return rules;
}

/** Of what does the work. */
function ofTheMachinery(watched: Watched): Rule[] {
  const errors = { periods: 5, datapoints: 3, threshold: 0 };
  const silent = { periods: 2, threshold: 1, below: true as const, missing: cloudwatch.TreatMissingData.BREACHING };
  const rules: Rule[] = [];
  if (watched.processor !== undefined && watched.main !== undefined) {
    rules.push(
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
      },
      {
        id: 'ProcessorErrorsAlarm',
        says:
          'Whole batches of the processor fail, again and again: a table is out of reach, nothing in a batch succeeds, or the ' +
          'function does not start. Its log says which; nothing is lost meanwhile.',
        metric: ofFunction(watched.processor, 'Errors', 1),
        ...errors,
      },
    );
  }
  rules.push(
    {
      id: 'IndexerErrorsAlarm',
      says:
        'The indexer fails, again and again: a queue or a table is out of reach, or its configuration is refused. Its log says ' +
        'which; dead letters wait in their queue meanwhile.',
      metric: ofFunction(watched.indexer, 'Errors', 1),
      ...errors,
    },
    {
      id: 'ReplayErrorsAlarm',
      says:
        'The replay fails, again and again: a queue or a table is out of reach, or its configuration is refused. Its log says ' +
        'which; letters wait meanwhile.',
      metric: ofFunction(watched.replay, 'Errors', 1),
      ...errors,
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
    },
    // Rates are an hour at most. Each rings once while a new stack has no reading yet.
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
        'The replay has not run for two hours, and what is said here of letters is as old. See whether its schedule is enabled ' +
        'and may invoke it.',
      metric: ofFunction(watched.replay, 'Invocations', 60),
      ...silent,
    },
  );
  return rules;
}

function alarm(scope: Construct, rule: Rule): cloudwatch.Alarm {
  const { ComparisonOperator } = cloudwatch;
  return new cloudwatch.Alarm(scope, rule.id, {
    alarmDescription: rule.says,
    metric: rule.metric,
    evaluationPeriods: rule.periods,
    ...(rule.datapoints === undefined ? {} : { datapointsToAlarm: rule.datapoints }),
    threshold: rule.threshold,
    comparisonOperator:
      rule.below === true ? ComparisonOperator.LESS_THAN_THRESHOLD : ComparisonOperator.GREATER_THAN_THRESHOLD,
    treatMissingData: rule.missing ?? cloudwatch.TreatMissingData.NOT_BREACHING,
  });
}

/** An hour in which every quarter ended with more letters than the one before. */
function growing(scope: Construct, watched: Watched): cloudwatch.Alarm {
  const pending = metricOf(watched.replay, 'LettersPending', undefined, every('Maximum', 15));
  return new cloudwatch.Alarm(scope, 'GrowingAlarm', {
    alarmDescription:
      'The letters that wait have grown for an hour: whatever fails, fails still. See what came last: redrive causes --stack ' +
      `${STACK} --since 1h. Mend or stop its source before anything is replayed.`,
    metric: new cloudwatch.MathExpression({
      expression: 'DIFF(pending)',
      label: 'Letters more than a quarter of an hour ago',
      usingMetrics: { pending },
      period: Duration.minutes(15),
    }),
    evaluationPeriods: 4,
    threshold: 0,
    comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
    treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
  });
}

/** The alarms, by id. */
export interface Alarms {
  /** Rings the doorbell; no person is told. None where nothing is taken, or nobody knows from where. */
  readonly depth: cloudwatch.Alarm | undefined;
  /** For people. */
  readonly people: ReadonlyMap<string, cloudwatch.Alarm>;
  /** One over those for people. None with `paging: 'each'`. */
  readonly page: cloudwatch.IAlarm | undefined;
}

/** Makes them; `dashboard` is named in the page. */
export function alarms(scope: Construct, watched: Watched, paging: PagingSettings, bells: Bells, dashboard: string): Alarms {
  let depth: cloudwatch.Alarm | undefined;
  if (watched.dead !== undefined) {
    // Visible messages, not sent ones: the move by SQS's redrive policy does not count as a send. It comes and goes with every
    // drain, so it rings for the indexer alone, and no person is told.
    depth = alarm(scope, {
      id: 'DepthAlarm',
      says: `Messages wait in ${watched.deadText}. Rings the indexer's doorbell; nobody needs to do anything.`,
      metric: ofQueue(watched.dead, 'ApproximateNumberOfMessagesVisible', 1),
      periods: 1,
      threshold: 0,
    });
    depth.addAlarmAction(new actions.SnsAction(bells.doorbell));
  }
  const people = new Map<string, cloudwatch.Alarm>();
  for (const rule of [...ofLetters(watched, paging), ...ofTheDead(watched), ...ofTheMachinery(watched)]) {
    people.set(rule.id, alarm(scope, rule));
  }
  if (paging.composite) {
    people.set('GrowingAlarm', growing(scope, watched));
    return { depth, people, page: page(scope, people, bells, dashboard) };
  }
  people.forEach((single) => {
    single.addAlarmAction(new actions.SnsAction(bells.alerts));
  });
  return { depth, people, page: undefined };
}

/**
 * One incident is one page: it rings with the first of them, and is silent again after the last. The CDK's own composite alarm
 * would choose a name that does not begin with the stack's, and the topic would not take what it publishes.
 */
function page(
  scope: Construct,
  people: ReadonlyMap<string, cloudwatch.Alarm>,
  bells: Bells,
  dashboard: string,
): cloudwatch.IAlarm {
  const composite = new cloudwatch.CfnCompositeAlarm(scope, 'PageAlarm', {
    alarmDescription:
      `Redrive of ${STACK} needs a person. Start with: redrive status --stack ${STACK}, then redrive causes ` +
      `--stack ${STACK}. The dashboard ${dashboard} shows which of its alarms ring, and each says what to do.`,
    alarmRule: [...people.values()].map((single) => `ALARM("${single.alarmName}")`).join(' OR '),
    alarmActions: [bells.alerts.topicArn],
  });
  return cloudwatch.Alarm.fromAlarmArn(scope, 'Page', composite.attrArn);
}
