import {
  Aws,
  aws_iam as iam,
  aws_kms as kms,
  aws_lambda as lambda,
  aws_scheduler as scheduler,
  aws_sqs as sqs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { allow, documents } from './redrive-function';
import { FunctionSettings } from './settings';

/** Schedules of indexer and replay. */
export interface Schedules {
  /** Schedule that wakes the indexer. */
  readonly sweep: scheduler.CfnSchedule;
  /** Schedule that wakes the replay. */
  readonly replay: scheduler.CfnSchedule;
}

/**
 * Alarms act on transitions only, and the metrics of an idle queue come late: the sweep finds what no alarm rang for. What
 * cannot be delivered goes to the failed invocations.
 */
export function schedules(
  scope: Construct,
  settings: FunctionSettings,
  functions: { readonly indexer: lambda.IFunction; readonly replay: lambda.IFunction },
  failures: sqs.IQueue,
  dataKey: kms.IKey | undefined,
): Schedules {
  // Of its own, because a role can be kept to a group of schedules, and not to one of them.
  const group = new scheduler.CfnScheduleGroup(scope, 'ScheduleGroup');
  const role = new iam.Role(scope, 'SchedulerRole', {
    assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com', {
      conditions: {
        StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
        ArnEquals: { 'aws:SourceArn': group.attrArn },
      },
    }),
    inlinePolicies: documents({
      scheduler: [
        allow('Wake', ['lambda:InvokeFunction'], functions.indexer.functionArn, functions.replay.functionArn),
        allow('ReportFailedInvocations', ['sqs:SendMessage'], failures.queueArn),
      ],
      ...(dataKey === undefined ? {} : { key: [useForReports(dataKey)] }),
    }),
  });
  const schedule = (
    id: string,
    description: string,
    rate: string,
    target: lambda.IFunction,
    input: string,
  ): scheduler.CfnSchedule =>
    new scheduler.CfnSchedule(scope, id, {
      description,
      scheduleExpression: rate,
      groupName: group.ref,
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: target.functionArn,
        roleArn: role.roleArn,
        input: JSON.stringify({ redrive: input }),
        retryPolicy: { maximumEventAgeInSeconds: 60, maximumRetryAttempts: 2 },
        deadLetterConfig: { arn: failures.queueArn },
      },
    });
  return {
    sweep: schedule('SweepSchedule', 'Wakes the indexer.', settings.sweepRate, functions.indexer, 'sweep'),
    replay: schedule('ReplaySchedule', 'Wakes the replay.', settings.replayRate, functions.replay, 'schedule'),
  };
}

/** Permits what SQS asks of whoever sends to an encrypted queue. */
function useForReports(key: kms.IKey): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'UseTheKey',
    actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
    resources: [key.keyArn],
    conditions: { StringEquals: { 'kms:ViaService': `sqs.${Aws.REGION}.amazonaws.com` } },
  });
}
