import { Duration, aws_iam as iam, aws_lambda as lambda, aws_sns as sns } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { Source } from './code';
import { busPolicies, busVariable } from './events';
import { Common } from './parts';
import { takesReportsOf } from './queues';
import { RedriveFunction, allow } from './redrive-function';
import { Policies } from './role-policies';
import { FunctionSettings } from './settings';

/** Properties that depend on whose queues they are. */
export interface IndexerProps {
  readonly source: Source;
  readonly settings: FunctionSettings;
  readonly timeout: Duration;
  readonly variables: Readonly<Record<string, string>>;
  /** ARNs of the dead-letter queues: it may receive from these and from no others. */
  readonly deadArns: string[];
  /** Permissions to read the ledger, in the role's first policy. */
  readonly reads: iam.PolicyStatement[];
  readonly policies: Policies;
}

/** Turns the messages of the dead-letter queue into letters. The doorbell rings for it, and it can't send to a queue of yours. */
export function indexer(scope: Construct, common: Common, props: IndexerProps): lambda.Function {
  const { letters, failures, bells } = common;
  const { function: made } = new RedriveFunction(scope, 'Indexer', {
    description: "Turns the messages of the dead-letter queue into letters, with the ledger's reason.",
    source: props.source,
    settings: props.settings,
    timeout: props.timeout,
    environment: {
      RUST_LOG: props.settings.logLevel,
      ...props.variables,
      DEAD_LETTER_TABLE_NAME: letters.tableName,
      ...busVariable(props.settings),
    },
    policies: {
      indexer: [
        allow('DrainTheDead', ['sqs:ReceiveMessage', 'sqs:DeleteMessage'], ...props.deadArns),
        ...props.reads,
        // A transaction needs the permissions of its parts: head and chunks are put, and chunks are updated to expire with a
        // letter that is found done. New letters are inserted, many in a call; causes are put and updated. Nothing is deleted.
        allow(
          'WriteLetters',
          [
            'dynamodb:GetItem',
            'dynamodb:BatchGetItem',
            'dynamodb:PutItem',
            'dynamodb:UpdateItem',
            'dynamodb:PartiQLInsert',
            'dynamodb:PartiQLUpdate',
          ],
          letters.tableArn,
        ),
      ],
      ...props.policies,
      ...busPolicies(props.settings),
    },
    dataKey: common.dataKey,
    failures,
  });
  new sns.CfnSubscription(made, 'Doorbell', {
    protocol: 'lambda',
    endpoint: made.functionArn,
    topicArn: bells.doorbell.topicArn,
    redrivePolicy: { deadLetterTargetArn: failures.queueArn },
  });
  new lambda.CfnPermission(made, 'DoorbellPermission', {
    action: 'lambda:InvokeFunction',
    functionName: made.functionName,
    principal: 'sns.amazonaws.com',
    sourceArn: bells.doorbell.topicArn,
  });
  takesReportsOf(failures, bells.doorbell.topicArn);
  return made;
}
