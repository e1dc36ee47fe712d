import { Aws, Stack, aws_cloudwatch as cloudwatch } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { Watched } from './alarm-rules';
import { Alarms } from './alarms';
import { NAMESPACE } from './metrics';

/** A line of a graph: what CloudWatch's dashboards take. */
type Line = readonly unknown[];

interface Graph {
  readonly title: string;
  readonly unit: string;
  readonly stat: string;
  readonly period: number;
  readonly stacked?: true;
  readonly objective?: number;
  readonly lines: readonly Line[];
}

const CLASSES = ['TRANSIENT', 'PERMANENT', 'TIMEOUT', 'SCHEMA', 'NEVER_RAN', 'UNKNOWN'];
const FAULTS = ['Transient', 'Permanent', 'Timeout', 'Schema'];
const OUTCOMES = [
  ['ReplaySent', 'sent'],
  ['ReplayNotSent', 'refused by SQS'],
  ['ReplayInDoubt', 'in doubt'],
  ['LettersResolved', 'resolved'],
  ['LettersWithoutOutcome', 'without an outcome'],
  ['LettersDiscarded', 'discarded'],
] as const;

/** Content of the dashboard. */
export interface Shown {
  readonly name: string;
  readonly watched: Watched;
  readonly alarms: Alarms;
  readonly oldestPendingSeconds: number;
  /** The names of the queues on the first graph, and its title. */
  readonly queues: { readonly title: string; readonly main: string; readonly dead: string };
  /** True if the metrics of one queue are shown, and not of all that there are. */
  readonly single: boolean;
}

/** The lines of a metric of ours: of this queue, or of each that is found. */
function ours(shown: Shown, fn: string, metric: string, label: string, stat?: string): Line {
  return [NAMESPACE, metric, 'Function', fn, 'Queue', shown.queues.main, { ...(stat === undefined ? {} : { stat }), label }];
}

function found(fn: string, metric: string, stat: string, label: string): Line {
  const expression = `SEARCH('{Redrive,Function,Queue} Function="${fn}" MetricName="${metric}"', '${stat}', 60)`;
  return [{ expression, label: `\${PROP('Dim.Queue')}${label}` }];
}

function depths({ watched, queues }: Shown): Graph {
  const line = (metric: string, queue: string, label: string): Line => ['AWS/SQS', metric, 'QueueName', queue, { label }];
  return {
    title: queues.title,
    unit: 'messages',
    stat: 'Maximum',
    period: 60,
    lines: [
      line('ApproximateNumberOfMessagesVisible', queues.dead, 'dead-letter queue'),
      line('ApproximateNumberOfMessagesVisible', queues.main, 'main queue'),
      line('ApproximateNumberOfMessagesNotVisible', queues.main, 'main queue, in flight or waiting for an attempt'),
      line('ApproximateNumberOfMessagesVisible', watched.failures, 'failed invocations'),
    ],
  };
}

function errors({ watched }: Shown): Graph {
  const all = [
    ['processor', watched.processor],
    ['indexer', watched.indexer],
    ['replay', watched.replay],
  ] as const;
  const lines = all.flatMap(([name, fn]) =>
    fn === undefined
      ? []
      : [
          ['Errors', 'errors'],
          ['Throttles', 'throttles'],
        ].map(([metric, label]): Line => [
          'AWS/Lambda',
          metric,
          'FunctionName',
          fn.functionName,
          { label: `${name}, ${label}` },
        ]),
  );
  return { title: 'Errors and throttles', unit: 'invocations', stat: 'Sum', period: 300, lines };
}

function oldest({ watched, oldestPendingSeconds }: Shown): Graph {
  return {
    title: 'Oldest letter that waits',
    unit: 'seconds',
    stat: 'Maximum',
    period: 60,
    objective: oldestPendingSeconds,
    lines: [[NAMESPACE, 'OldestPendingAge', 'Function', watched.replay.functionName, { label: 'since its first failure' }]],
  };
}

/** Graphs of one queue with a processor. */
function graphsOfOne(shown: Shown, processor: string): Graph[] {
  const indexer = shown.watched.indexer.functionName;
  const replay = shown.watched.replay.functionName;
  const outcomes = OUTCOMES.map(([metric, label]) => ours(shown, replay, metric, label));
  const classes = CLASSES.map((name): Line => [
    NAMESPACE,
    'LettersIndexed',
    'Function',
    indexer,
    'Queue',
    shown.queues.main,
    'Class',
    name,
    { label: name },
  ]);
  const latencies = [
    ['handler', 'HandlerLatency'],
    ['ledger', 'LedgerLatency'],
  ] as const;
  const messages = [
    ['Completed', 'done'],
    ['Duplicates', 'duplicates'],
    ['Retries', 'another attempt follows'],
    ['Dead', 'dead'],
    ['Crowded', 'batches with shortened delays'],
  ] as const;
  return [
    depths(shown),
    {
      title: 'Letters that wait',
      unit: 'letters',
      stat: 'Maximum',
      period: 60,
      lines: [ours(shown, replay, 'LettersPending', 'all'), ours(shown, replay, 'LettersForAPerson', 'for a person')],
    },
    {
      title: 'Failed attempts by class',
      unit: 'attempts',
      stat: 'Sum',
      period: 300,
      stacked: true,
      lines: FAULTS.map((fault) => ours(shown, processor, `Faults${fault}`, fault.toLowerCase())),
    },
    { title: 'New letters by class', unit: 'letters', stat: 'Sum', period: 300, stacked: true, lines: classes },
    {
      title: 'Time to resolution, from the first failure',
      unit: 'seconds',
      stat: 'p50',
      period: 300,
      lines: ['p50', 'p90', 'p99'].map((stat) => ours(shown, replay, 'TimeToResolution', stat, stat)),
    },
    {
      title: 'Replay outcomes',
      unit: 'letters',
      stat: 'Sum',
      period: 300,
      lines: [...outcomes, ours(shown, indexer, 'LettersChanged', 'died again')],
    },
    oldest(shown),
    errors(shown),
    {
      title: 'Handler and ledger',
      unit: 'milliseconds',
      stat: 'p50',
      period: 60,
      lines: latencies.flatMap(([name, metric]) =>
        ['p50', 'p99'].map((stat) => ours(shown, processor, metric, `${name}, ${stat}`, stat)),
      ),
    },
    {
      title: 'Messages',
      unit: 'messages',
      stat: 'Sum',
      period: 60,
      lines: messages.map(([metric, label]) => ours(shown, processor, metric, label)),
    },
  ];
}

/** Graphs of all queues that there are. */
function graphsOfMany(shown: Shown): Graph[] {
  const indexer = shown.watched.indexer.functionName;
  const replay = shown.watched.replay.functionName;
  const outcomes = OUTCOMES.map(([metric, label]) => found(replay, metric, 'Sum', ` ${label}`));
  const byClass = `SEARCH('{Redrive,Class,Function,Queue} Function="${indexer}" MetricName="LettersIndexed"', 'Sum', 300)`;
  return [
    depths(shown),
    {
      title: 'Letters that wait, by queue',
      unit: 'letters',
      stat: 'Maximum',
      period: 60,
      lines: [found(replay, 'LettersPending', 'Maximum', '')],
    },
    {
      title: 'New letters by class',
      unit: 'letters',
      stat: 'Sum',
      period: 300,
      stacked: true,
      lines: [[{ expression: byClass, label: "${PROP('Dim.Queue')} ${PROP('Dim.Class')}" }]],
    },
    {
      title: 'Letters for a person, by queue',
      unit: 'letters',
      stat: 'Maximum',
      period: 60,
      lines: [found(replay, 'LettersForAPerson', 'Maximum', '')],
    },
    {
      title: 'Time to resolution, by queue',
      unit: 'seconds',
      stat: 'p50',
      period: 300,
      lines: ['p50', 'p90'].map((stat) => found(replay, 'TimeToResolution', stat, ` ${stat}`)),
    },
    {
      title: 'Replay outcomes, by queue',
      unit: 'letters',
      stat: 'Sum',
      period: 300,
      lines: [...outcomes, found(indexer, 'LettersChanged', 'Sum', ' died again')],
    },
    oldest(shown),
    errors(shown),
  ];
}

function widget(graph: Graph, at: number): object {
  const { title, unit, stat, period, stacked = false, objective, lines } = graph;
  return {
    type: 'metric',
    x: (at % 2) * 12,
    y: 4 + Math.floor(at / 2) * 6,
    width: 12,
    height: 6,
    properties: {
      title,
      region: Aws.REGION,
      view: 'timeSeries',
      stacked,
      period,
      stat,
      yAxis: { left: { min: 0, label: unit, showUnits: false } },
      ...(objective === undefined ? {} : { annotations: { horizontal: [{ label: 'objective', value: objective }] } }),
      metrics: lines,
    },
  };
}

/** Makes the dashboard, which people look at. */
export function dashboard(scope: Construct, shown: Shown): cloudwatch.CfnDashboard {
  const { processor } = shown.watched;
  const graphs = shown.single && processor !== undefined ? graphsOfOne(shown, processor.functionName) : graphsOfMany(shown);
  const { people, pages } = shown.alarms;
  const both = pages === undefined ? [] : [pages.urgent, pages.work];
  const rings = [...people.values(), ...both].map((alarm) => alarm.alarmArn);
  const stack = Aws.STACK_NAME;
  const markdown =
    `# Redrive: ${stack}\nWhy letters wait: \`redrive causes --stack ${stack}\`. One of them: \`redrive show ID\`. Once it is ` +
    'mended: `redrive replay --cause CAUSE`, which tries ten first.';
  const widgets = [
    { type: 'text', x: 0, y: 0, width: 12, height: 4, properties: { markdown } },
    { type: 'alarm', x: 12, y: 0, width: 12, height: 4, properties: { title: 'What rings', alarms: rings } },
    ...graphs.map(widget),
  ];
  return new cloudwatch.CfnDashboard(scope, 'Dashboard', {
    dashboardName: shown.name,
    dashboardBody: Stack.of(scope).toJsonString({ widgets }),
  });
}
