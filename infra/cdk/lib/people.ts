import { Aws, aws_dynamodb as dynamodb, aws_iam as iam, aws_kms as kms, aws_lambda as lambda } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { acknowledge } from './nag';
import { Outputs } from './outputs';
import { allow } from './redrive-function';

/** Policies for people. They are attached to nobody: who looks, replays or administers is decided where they are used. */
export interface PeoplesPolicies {
  /** Looks at letters with their bodies, causes, jobs, queues and alarms. */
  readonly reader: iam.ManagedPolicy;
  /** Replays, discards, steers jobs and drains; beside the reader's. */
  readonly operator: iam.ManagedPolicy;
  /** Erases, edits, frees and ejects; beside the other two. */
  readonly administrator: iam.ManagedPolicy;
}

/** Things that people look at and ask. */
export interface PeoplesProps {
  readonly letters: dynamodb.ITable;
  /** The ledger, if the stack has one. */
  readonly ledger: dynamodb.ITable | undefined;
  readonly indexer: lambda.IFunction;
  readonly replay: lambda.IFunction;
  readonly administration: lambda.IFunction;
  /** Functions whose variables say which policy there is, and which queues are served. */
  readonly configured: readonly lambda.IFunction[];
  /** ARNs of the queues whose depths are shown. */
  readonly queueArns: readonly string[];
  /** ARN of the dead-letter queue whose move tasks are shown, if it is the stack's own. */
  readonly deadArn: string | undefined;
  readonly dataKey: kms.IKey | undefined;
}

/** Makes the policies. A test holds them to what the command `redrive` asks for. */
export function policiesForPeople(scope: Construct, props: PeoplesProps): PeoplesPolicies {
  const { indexer, replay, administration } = props;
  const reader = policy(
    scope,
    'ReaderPolicy',
    'Looks at letters with their bodies, causes, jobs, queues and alarms, and changes nothing.',
    reads(props),
  );
  acknowledge(reader, 'anyAlarmOrMetric', 'stackId');
  return {
    reader,
    operator: policy(
      scope,
      'OperatorPolicy',
      "Replays, discards, restores, notes, steers jobs and drains; beside the reader's policy.",
      [allow('Operate', ['lambda:InvokeFunction'], indexer.functionArn, replay.functionArn)],
    ),
    administrator: policy(
      scope,
      'AdministratorPolicy',
      'Erases, edits, frees and ejects letters; beside the policies of reader and operator.',
      [allow('Administer', ['lambda:InvokeFunction'], administration.functionArn)],
    ),
  };
}

/** Outputs by which people find the functions that they ask, and the policies that let them. */
export function outputsForPeople(
  replay: lambda.IFunction,
  administration: lambda.IFunction,
  policies: PeoplesPolicies,
): Outputs {
  return {
    ReplayFunctionName: ['Sends letters back; takes direct invocations, too.', replay.functionName],
    AdministrationFunctionName: [
      'Erases, frees, ejects, and sends edited letters, for administrators alone.',
      administration.functionName,
    ],
    ReaderPolicyArn: ['Policy for whoever looks.', policies.reader.managedPolicyArn],
    OperatorPolicyArn: [
      "Policy for whoever replays and discards, beside the reader's.",
      policies.operator.managedPolicyArn,
    ],
    AdministratorPolicyArn: [
      'Policy for whoever erases and edits, beside the other two.',
      policies.administrator.managedPolicyArn,
    ],
  };
}

function policy(scope: Construct, id: string, description: string, statements: iam.PolicyStatement[]): iam.ManagedPolicy {
  // Each statement as it is written: its name stands in the logs of whoever asks why.
  return new iam.ManagedPolicy(scope, id, { description, document: new iam.PolicyDocument({ statements, minimize: false }) });
}

function reads({ letters, ledger, configured, queueArns, deadArn, dataKey }: PeoplesProps): iam.PolicyStatement[] {
  const indexes = ['by-status', 'by-fingerprint', 'by-key'].map((index) => `${letters.tableArn}/index/${index}`);
  return [
    allow('ReadLetters', ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'], letters.tableArn),
    allow('FindLetters', ['dynamodb:Query'], ...indexes),
    ...(ledger === undefined ? [] : [allow('ReadReasons', ['dynamodb:BatchGetItem'], ledger.tableArn)]),
    // No secret stands in these variables.
    allow('ReadSettings', ['lambda:GetFunctionConfiguration'], ...configured.map((one) => one.functionArn)),
    allow('ReadDepths', ['sqs:GetQueueAttributes'], ...queueArns),
    ...(deadArn === undefined ? [] : [allow('ReadMoves', ['sqs:ListMessageMoveTasks'], deadArn)]),
    // CloudWatch gives composite alarms to `*` only, and knows no resource for whoever reads metrics: how old what waits is.
    allow('ReadAlarms', ['cloudwatch:DescribeAlarms', ...(deadArn === undefined ? [] : ['cloudwatch:GetMetricStatistics'])], '*'),
    // Whoever gives a name asks for NAME/*: the id behind it is known only afterwards.
    allow(
      'ReadOutputs',
      ['cloudformation:DescribeStacks'],
      `arn:${Aws.PARTITION}:cloudformation:${Aws.REGION}:${Aws.ACCOUNT_ID}:stack/${Aws.STACK_NAME}/*`,
    ),
    ...(dataKey === undefined ? [] : [decrypts(dataKey)]),
  ];
}

/** Permits what DynamoDB asks of whoever reads a table under this key, and for nothing but that. */
function decrypts(key: kms.IKey): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'ReadWhatIsEncrypted',
    actions: ['kms:Decrypt'],
    resources: [key.keyArn],
    conditions: { StringEquals: { 'kms:ViaService': `dynamodb.${Aws.REGION}.amazonaws.com` } },
  });
}
