import { Validations } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';

/** Reasons for what cdk-nag (AwsSolutions) finds here. Whoever does not run cdk-nag sees nothing of it. */
const REASONS = {
  lastStop: [
    'AwsSolutions-SQS3',
    'This queue is where failed invocations end; behind it there is nothing that could take them, and an alarm notifies people of the first.',
  ],
  ledgerForgets: [
    'AwsSolutions-DDB3',
    'A restored ledger forgets the completions since then, and lets their messages run a second time. It holds nothing that a queue or a letter needs.',
  ],
  exampleTable: ['AwsSolutions-DDB3', 'The orders of the example handler are made up, and go with the stack.'],
  dataKeys: [
    'AwsSolutions-IAM5[Action::kms:GenerateDataKey*]',
    "KMS's own name for making data keys, with and without their plain text; only through SQS and DynamoDB, and with one key.",
  ],
  reEncryption: [
    'AwsSolutions-IAM5[Action::kms:ReEncrypt*]',
    "KMS's own name for both halves of re-encryption, ReEncryptFrom and ReEncryptTo; only through SQS and DynamoDB, and with one key.",
  ],
  anyTrace: ['AwsSolutions-IAM5[Resource::*]', 'X-Ray has no resources to name.'],
  anyAlarm: [
    'AwsSolutions-IAM5[Resource::*]',
    "A job's guard may name any alarm, and CloudWatch describes composite ones to * only. DescribeAlarms changes nothing.",
  ],
  anyMetric: [
    'AwsSolutions-IAM5[Resource::*]',
    'CloudWatch knows neither resources nor conditions for whoever reads metrics. GetMetricData changes nothing.',
  ],
  anyAlarmOrMetric: [
    'AwsSolutions-IAM5[Resource::*]',
    'CloudWatch describes composite alarms to * only, and knows no resources for whoever reads metrics. Nothing is changed.',
  ],
  stackId: [
    'AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:cloudformation:<AWS::Region>:<AWS::AccountId>:stack/<AWS::StackName>/*]',
    "Whoever gives a stack's name asks for NAME/*: the id behind it is known only afterwards.",
  ],
} as const satisfies Readonly<Record<string, readonly [id: string, reason: string]>>;

/** Name of a reason in the list. */
export type Reason = keyof typeof REASONS;

/** Acknowledges findings of a construct, each with its reason. */
export function acknowledge(construct: IConstruct, ...reasons: readonly Reason[]): void {
  for (const [id, reason] of reasons.map((name) => REASONS[name])) {
    Validations.of(construct).acknowledge({ id, reason });
  }
}
