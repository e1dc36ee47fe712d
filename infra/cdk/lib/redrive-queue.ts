import {
  Aws,
  Stack,
  aws_cloudwatch as cloudwatch,
  aws_dynamodb as dynamodb,
  aws_kms as kms,
  aws_lambda as lambda,
  aws_sns as sns,
  aws_sqs as sqs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { Watched } from './alarm-rules';
import { Alarms, alarms } from './alarms';
import { Bells, bells } from './bells';
import { Source, processorSource, source } from './code';
import { dashboard } from './dashboard';
import { Senders, dataKey } from './encryption';
import { indexer } from './indexer';
import { IndexerMetric, METRICS, ProcessorMetric, ReplayMetric, metricOf } from './metrics';
import { Outputs, onlyOne, tell } from './outputs';
import { Parts } from './parts';
import { PeoplesPolicies, outputsForPeople, policiesForPeople } from './people';
import { Problems } from './problems';
import { processor } from './processor';
import { RedriveQueueProps } from './props';
import { QueueSettings, queueSettings } from './queue-settings';
import { failedInvocations, queuePair } from './queues';
import { allow } from './redrive-function';
import { ReplayProps, replay, withdrawals } from './replay';
import { Schedules, schedules } from './schedules';
import { tag } from './tags';
import { ledgerTable, lettersTable } from './tables';

/**
 * A queue pair, the processor that handles its messages once each, the indexer that turns dead messages into letters, and the
 * replay that sends them back, with alarms and a dashboard.
 *
 * ```ts
 * const orders = new RedriveQueue(this, 'Orders', {
 *   idempotencyKey: '/order_id',
 *   processorCode: { manifestPath: 'orders/Cargo.toml' },
 *   code: { workspace: '../redrive' },
 * });
 * ```
 *
 * Deleting it keeps its tables, and the key that they are encrypted with.
 */
export class RedriveQueue extends Construct {
  /** Queue to which producers send. */
  public readonly mainQueue: sqs.Queue;
  /** Queue to which SQS moves what it has given up. */
  public readonly deadLetterQueue: sqs.Queue;
  /** Invocations of the indexer and the replay that failed for good. */
  public readonly failedInvocations: sqs.Queue;
  /** Table of the ledger, by which a message has one effect. */
  public readonly ledger: dynamodb.Table;
  /** Table of the letters. */
  public readonly letters: dynamodb.Table;
  /** Handles messages. What your handler needs is granted to it. */
  public readonly processor: lambda.Function;
  /** Turns dead messages into letters. */
  public readonly indexer: lambda.Function;
  /** Sends letters back; takes direct invocations, too. */
  public readonly replay: lambda.Function;
  /** Erases, frees, ejects, and sends edited letters: invoked by administrators alone. */
  public readonly administration: lambda.Function;
  /** Policies for people, attached to nobody. */
  public readonly policies: PeoplesPolicies;
  /** The schedules that wake the indexer and the replay. */
  public readonly schedules: Schedules;
  /** The depth alarm's way to the indexer. */
  public readonly doorbell: sns.Topic;
  /** Alarms for people; subscribe your own channel. */
  public readonly alerts: sns.Topic;
  /** Alarms that were made. */
  public readonly alarms: Alarms;
  /** Name in CloudWatch of the dashboard, which people look at. */
  public readonly dashboardName: string;
  /** The key of queues, tables and logs, if it is not AWS's own. */
  public readonly dataKey: kms.IKey | undefined;

  /** @throws RedriveConfigError lists everything that does not fit together. */
  public constructor(scope: Construct, id: string, props: RedriveQueueProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const path = this.node.path.slice(stack.node.path.length + 1);
    const problems = new Problems();
    const settings = queueSettings(problems, props, stack.stackName, path);
    onlyOne(problems, this, settings.outputs);
    const sources = {
      processor: processorSource(problems, props.processorCode, props.code),
      indexer: source(problems, props.code, 'indexer'),
      replay: source(problems, props.code, 'replay'),
    };
    problems.throwIfAny(this.node.path);

    const both = bells(this, false);
    this.dataKey = dataKey(this, settings, 'Queues, tables and logs', senders(both, settings));
    const pair = queuePair(this, settings, this.dataKey);
    this.mainQueue = pair.main;
    this.deadLetterQueue = pair.dead;
    this.failedInvocations = failedInvocations(this, this.dataKey);
    this.ledger = ledgerTable(this, this.dataKey);
    this.letters = lettersTable(this, this.dataKey);
    this.doorbell = both.doorbell;
    this.alerts = both.alerts;
    const parts: Parts = {
      pair,
      ledger: this.ledger,
      letters: this.letters,
      failures: this.failedInvocations,
      dataKey: this.dataKey,
      bells: both,
    };

    const { made, mapping } = processor(this, settings, parts, sources.processor, props.environment ?? {}, problems);
    this.processor = made;
    problems.throwIfAny(this.node.path);
    this.indexer = indexer(this, parts, {
      source: sources.indexer,
      settings,
      timeout: settings.indexerTimeout,
      variables: {
        DEAD_LETTER_QUEUE_URL: pair.dead.queueUrl,
        ERROR_MASKS: settings.reading.masks.join(','),
        ...variables(settings, parts),
      },
      deadArns: [pair.dead.queueArn],
      reads: [allow('ReadReasons', ['dynamodb:BatchGetItem'], this.ledger.tableArn)],
      policies: {},
    });
    const replays = replay(this, parts, replayProps(settings, parts, sources.replay));
    this.replay = replays.replay;
    this.administration = replays.administration;
    this.policies = policiesForPeople(this, {
      letters: this.letters,
      ledger: this.ledger,
      indexer: this.indexer,
      replay: this.replay,
      administration: this.administration,
      configured: [this.replay],
      queueArns: [pair.main.queueArn, pair.dead.queueArn, this.failedInvocations.queueArn],
      deadArn: pair.dead.queueArn,
      dataKey: this.dataKey,
    });
    this.schedules = schedules(this, settings, this, this.failedInvocations, this.dataKey);

    this.dashboardName = `${settings.name}-${Aws.REGION}`;
    const watched: Watched = {
      processor: this.processor,
      indexer: this.indexer,
      replay: this.replay,
      main: pair.main.queueName,
      dead: pair.dead.queueName,
      failures: this.failedInvocations.queueName,
      deadText: 'the dead-letter queue',
    };
    this.alarms = alarms(this, watched, settings, both, this.dashboardName);
    const shown = dashboard(this, {
      name: this.dashboardName,
      watched,
      alarms: this.alarms,
      oldestPendingSeconds: settings.oldestPendingSeconds,
      queues: { title: 'Depth by queue', main: pair.main.queueName, dead: pair.dead.queueName },
      single: true,
    });
    tag(this);
    if (settings.outputs) {
      tell(this, this.names(shown.ref, mapping.eventSourceMappingId));
    }
  }

  /** A number that one of the functions tells of this queue, such as `LettersPending`. */
  public metric(name: ProcessorMetric | IndexerMetric | ReplayMetric, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    const told = (names: readonly string[]): boolean => names.includes(name);
    const fn = told(METRICS.replay) ? this.replay : told(METRICS.indexer) ? this.indexer : this.processor;
    return metricOf(fn, name, this.mainQueue.queueName, options);
  }

  private names(dashboardRef: string, mappingId: string): Outputs {
    return {
      MainQueueUrl: ['Queue to which producers send.', this.mainQueue.queueUrl],
      MainQueueArn: ['Source queue of the letters.', this.mainQueue.queueArn],
      DeadLetterQueueUrl: ['Queue to which SQS moves what it has given up.', this.deadLetterQueue.queueUrl],
      DeadLetterQueueArn: ['Queue to which SQS moves what it has given up.', this.deadLetterQueue.queueArn],
      FailedInvocationsQueueUrl: [
        'Invocations of the indexer and the replay that failed for good.',
        this.failedInvocations.queueUrl,
      ],
      LedgerTableName: ['The idempotency table.', this.ledger.tableName],
      DeadLetterTableName: ['The letters.', this.letters.tableName],
      ProcessorFunctionName: ['Handles messages.', this.processor.functionName],
      ProcessorMappingId: ['The event source mapping between the main queue and the processor.', mappingId],
      IndexerFunctionName: ['Turns dead messages into letters.', this.indexer.functionName],
      ...outputsForPeople(this.replay, this.administration, this.policies),
      SweepScheduleName: ['Wakes the indexer.', this.schedules.sweep.ref],
      ReplayScheduleName: ['Wakes the replay.', this.schedules.replay.ref],
      DoorbellTopicArn: ["The depth alarm's way to the indexer.", this.doorbell.topicArn],
      AlertsTopicArn: ['Alarms for people; subscribe your own channel.', this.alerts.topicArn],
      ...(this.alarms.depth === undefined
        ? {}
        : { DepthAlarmName: ['Rings when messages wait in the dead-letter queue.', this.alarms.depth.alarmName] }),
      DashboardName: ['Dashboard in CloudWatch, for people.', dashboardRef],
    };
  }
}

/** Services that send to the queues as themselves. */
function senders(both: Bells, { producerArn }: QueueSettings): Senders {
  return {
    sid: 'TopicsAndRulesSend',
    services: ['sns.amazonaws.com', 'events.amazonaws.com'],
    sources: [both.doorbell.topicArn, ...(producerArn === undefined ? [] : [producerArn])],
  };
}

/** Properties of the replay, and of the administration. */
function replayProps(settings: QueueSettings, parts: Parts, from: Source): ReplayProps {
  const { pair, ledger } = parts;
  return {
    source: from,
    settings,
    variables: {
      MAIN_QUEUE_URL: pair.main.queueUrl,
      LEDGER_RETENTION_DAYS: `${settings.ledgerDays}`,
      REPLAY_DESTINATIONS: settings.destinations.join(','),
      ...(settings.allowEject ? { DEAD_LETTER_QUEUE_URL: pair.dead.queueUrl } : {}),
      ...variables(settings, parts),
    },
    mainArns: [pair.main.queueArn],
    deadArns: [pair.dead.queueArn],
    otherArns: settings.destinations,
    readsAges: false,
    reads: [allow('ReadOutcomes', ['dynamodb:BatchGetItem'], ledger.tableArn), ...withdrawals(ledger.tableArn)],
    policies: {},
  };
}

/** Variables that indexer and replay share. */
function variables(settings: QueueSettings, parts: Parts): Record<string, string> {
  const { reading, policy } = settings;
  return {
    MAIN_QUEUE_ARN: parts.pair.main.queueArn,
    CUSTODY: settings.custody ? 'on' : 'off',
    LEDGER_TABLE_NAME: parts.ledger.tableName,
    LEDGER_SCOPE: settings.scope,
    IDEMPOTENCY_KEY_POINTER: settings.keyPointer,
    IDEMPOTENCY_KEY_FROM: reading.keyFrom,
    DUPLICATE_NAMES: reading.duplicateNames,
    BODY_WRAPPING: reading.wrapping,
    PAYLOAD_HASH: reading.hash,
    MESSAGE_TYPE_AT: reading.typeAt,
    MESSAGE_TYPES: reading.types.join(','),
    REPLAY_COOL_DOWN_SECONDS: `${policy.coolDownSeconds}`,
    REPLAY_MAX_DEATHS: `${policy.maxDeaths}`,
    REPLAY_POLICY: policy.rules.length === 0 ? '' : JSON.stringify(policy.rules),
    RESOLVED_RETENTION_DAYS: `${settings.resolvedDays}`,
    BODY_RETENTION_DAYS: settings.bodyDays === undefined ? 'letter' : `${settings.bodyDays}`,
    MAIN_RETENTION_DAYS: `${settings.mainDays}`,
  };
}
