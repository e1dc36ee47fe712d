import { aws_iam as iam, aws_lambda as lambda } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { Source } from './code';
import { busPolicies, busVariable } from './events';
import { Common } from './parts';
import { RedriveFunction, allow } from './redrive-function';
import { Policies } from './role-policies';
import { FunctionSettings } from './settings';

/** Properties that depend on whose queues they are. */
export interface ReplayProps {
  readonly source: Source;
  readonly settings: FunctionSettings;
  readonly variables: Readonly<Record<string, string>>;
  /** ARNs of the main queues, which it sends back to. */
  readonly mainArns: string[];
  /** ARNs of the dead-letter queues, for ejecting. */
  readonly deadArns: string[];
  /** Other queues that a person may have letters sent to. */
  readonly otherArns: readonly string[];
  /** Permissions to read the ledger, in the role's first policy. */
  readonly reads: iam.PolicyStatement[];
  /** True if the replay reads the ages of the main queues, because no alarm looks at each of them. */
  readonly readsAges: boolean;
  readonly policies: Policies;
}

const MARKED = ['buried', 'expires', 'lives', 'owner', 'pk', 'version', 'withdrawn'];
const WHOLE = [...MARKED, 'hash', 'lease_until', 'state'].sort();

/**
 * Permits what an edit does in the ledger before its new body is sent: a tombstone where nothing is (an INSERT never
 * writes over an item), and of an entry these attributes; its owner is only compared.
 */
export function withdrawals(ledgerArn: string): iam.PolicyStatement[] {
  return [
    mark('LeaveTombstones', 'dynamodb:PartiQLInsert', WHOLE, ledgerArn),
    mark('WithdrawCopies', 'dynamodb:PartiQLUpdate', MARKED, ledgerArn),
  ];
}

/** The same in another account's ledger, which PartiQL does not reach. */
export function withdrawalsElsewhere(ledgerArn: string): iam.PolicyStatement[] {
  return [mark('WithdrawCopiesElsewhere', 'dynamodb:UpdateItem', WHOLE, ledgerArn)];
}

function mark(sid: string, action: string, attributes: string[], ledgerArn: string): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid,
    actions: [action],
    resources: [ledgerArn],
    conditions: {
      'ForAllValues:StringEquals': { 'dynamodb:Attributes': attributes },
      // A condition for all values holds where there is none.
      Null: { 'dynamodb:Attributes': 'false' },
    },
  });
}

/** Functions by which letters are sent back and changed. */
export interface ReplayFunctions {
  /** Sends letters back, by policy or on request. */
  readonly replay: lambda.Function;
  /** The same function, for what only administrators may ask. Nothing but people invokes it. */
  readonly administration: lambda.Function;
}

/**
 * Sends letters back to the main queue. IAM cannot see into a request, but it knows functions: so there are two, which differ in
 * what they are allowed.
 */
export function replay(scope: Construct, common: Common, props: ReplayProps): ReplayFunctions {
  const { letters } = common;
  const indexes = ['by-status', 'by-fingerprint'].map((index) => `${letters.tableArn}/index/${index}`);
  const { allowEject } = props.settings;
  const environment = {
    RUST_LOG: props.settings.logLevel,
    ...props.variables,
    DEAD_LETTER_TABLE_NAME: letters.tableName,
    ...busVariable(props.settings),
    ...(props.readsAges ? { MAIN_QUEUE_AGES: 'on' } : {}),
  };
  const made = new RedriveFunction(scope, 'Replay', {
    description: 'Sends letters back to the main queue, by policy or on request, and discards on request.',
    source: props.source,
    settings: props.settings,
    timeout: props.settings.replayTimeout,
    environment: { ...environment, ALLOWED_ACTIONS: 'replay' },
    policies: {
      replay: [
        // Also watches their backlog. One statement: a list of queues is most of what a role's policies may hold.
        allow('SendBack', ['sqs:SendMessage', 'sqs:GetQueueAttributes'], ...props.mainArns),
        // A job's guard may name any alarm, and CloudWatch gives composite ones to `*` only.
        allow('WatchAlarms', ['cloudwatch:DescribeAlarms'], '*'),
        ...props.reads,
        // Jobs stand in the same table, under keys of their own; Query reads a job's batches. Ids of letters' messages are
        // inserted. Updates are for chunks that expire with their letter, deletes for those of an erased body.
        allow(
          'ClaimAndMarkLetters',
          [
            'dynamodb:GetItem',
            'dynamodb:BatchGetItem',
            'dynamodb:PutItem',
            'dynamodb:UpdateItem',
            'dynamodb:DeleteItem',
            'dynamodb:PartiQLInsert',
            'dynamodb:PartiQLUpdate',
            'dynamodb:Query',
          ],
          letters.tableArn,
        ),
        allow('FindLetters', ['dynamodb:Query'], ...indexes),
      ],
      // An alarm looks at one queue: of a list the replay reads the ages, every five minutes, and emits the highest.
      ...(props.readsAges ? { ages: [allow('ReadAges', ['cloudwatch:GetMetricData'], '*')] } : {}),
      ...(allowEject ? { eject: [allow('PutBack', ['sqs:SendMessage', 'sqs:GetQueueAttributes'], ...props.deadArns)] } : {}),
      // A job's guard reads the backlog of the queue that it sends to.
      ...(props.otherArns.length === 0
        ? {}
        : { destinations: [allow('SendElsewhere', ['sqs:SendMessage', 'sqs:GetQueueAttributes'], ...props.otherArns)] }),
      ...props.policies,
      ...busPolicies(props.settings),
    },
    dataKey: common.dataKey,
    failures: common.failures,
    reasons: ['anyAlarm', ...(props.readsAges ? (['anyMetric'] as const) : [])],
  });
  const administration = made.again(scope, 'Administration', {
    description: 'Erases, frees, ejects and sends edited letters, on request of an administrator.',
    environment: { ...environment, ALLOWED_ACTIONS: 'all' },
  });
  return { replay: made.function, administration };
}
