import {
  Aws,
  Duration,
  RemovalPolicy,
  aws_dynamodb as dynamodb,
  aws_iam as iam,
  aws_kms as kms,
  aws_sqs as sqs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { FunctionSettings } from './settings';

/** Actions that AWS asks of whoever reads and writes what is encrypted. */
const USE = ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey*', 'kms:ReEncrypt*'];

/** Services that send to encrypted queues as themselves, for these topics and rules only. */
export interface Senders {
  readonly sid: string;
  readonly services: readonly string[];
  readonly sources: readonly string[];
}

/** The account decides in IAM who else may use a key. */
function accountAdministers(): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'TheAccountAdministers',
    principals: [new iam.ArnPrincipal(`arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:root`)],
    actions: ['kms:*'],
    resources: ['*'],
  });
}

/** The key of queues, tables and logs, if it is not AWS's own. One that is made here stays with the tables: without it they
 * could not be read. */
export function dataKey(
  scope: Construct,
  settings: FunctionSettings,
  description: string,
  senders: Senders,
): kms.IKey | undefined {
  const logs = new iam.PolicyStatement({
    sid: 'LogsAreEncrypted',
    principals: [new iam.ServicePrincipal(`logs.${Aws.REGION}.amazonaws.com`)],
    actions: USE,
    resources: ['*'],
    conditions: {
      ArnLike: {
        'kms:EncryptionContext:aws:logs:arn': `arn:${Aws.PARTITION}:logs:${Aws.REGION}:${Aws.ACCOUNT_ID}:log-group:${Aws.STACK_NAME}-*`,
      },
    },
  });
  const sends = new iam.PolicyStatement({
    sid: senders.sid,
    principals: senders.services.map((service) => new iam.ServicePrincipal(service)),
    actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
    resources: ['*'],
    conditions: { ArnEquals: { 'aws:SourceArn': senders.sources } },
  });
  if (settings.encryption === 'aws-owned') {
    return undefined;
  }
  if (settings.encryption !== 'customer-managed') {
    settings.encryption.addToResourcePolicy(logs);
    settings.encryption.addToResourcePolicy(sends);
    return settings.encryption;
  }
  return new kms.Key(scope, 'DataKey', {
    description: `${description} of ${Aws.STACK_NAME}`,
    enableKeyRotation: true,
    policy: new iam.PolicyDocument({ statements: [accountAdministers(), logs, sends] }),
    removalPolicy: RemovalPolicy.RETAIN,
  });
}

/**
 * The topics' key. CloudWatch calls KMS itself, so a topic under the AWS-managed key silently swallows every alarm. The
 * statement has no source condition: one that CloudWatch does not fill in would be as silent. Who may publish is decided by
 * the topics' policies, which do name the source.
 */
export function topicKey(scope: Construct): kms.Key {
  const publish = new iam.PolicyStatement({
    sid: 'AlarmsPublish',
    principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
    actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
    resources: ['*'],
  });
  return new kms.Key(scope, 'TopicKey', {
    description: `Topics of ${Aws.STACK_NAME}`,
    enableKeyRotation: true,
    pendingWindow: Duration.days(7),
    policy: new iam.PolicyDocument({ statements: [accountAdministers(), publish] }),
    removalPolicy: RemovalPolicy.DESTROY,
  });
}

/** Permits what SQS and DynamoDB ask of their caller, and for nothing but these two. */
export function useOfDataKey(key: kms.IKey): iam.PolicyStatement {
  const services = ['sqs', 'dynamodb'].map((service) => `${service}.${Aws.REGION}.amazonaws.com`);
  return new iam.PolicyStatement({
    sid: 'UseTheKey',
    actions: USE,
    resources: [key.keyArn],
    conditions: { StringEquals: { 'kms:ViaService': services } },
  });
}

/** Returns the encryption of a queue. */
export function ofQueue(key: kms.IKey | undefined): Pick<sqs.QueueProps, 'encryption' | 'encryptionMasterKey'> {
  return key === undefined
    ? { encryption: sqs.QueueEncryption.SQS_MANAGED }
    : { encryption: sqs.QueueEncryption.KMS, encryptionMasterKey: key };
}

/** Returns the encryption of a table. */
export function ofTable(key: kms.IKey | undefined): Pick<dynamodb.TableProps, 'encryption' | 'encryptionKey'> {
  return key === undefined ? {} : { encryption: dynamodb.TableEncryption.CUSTOMER_MANAGED, encryptionKey: key };
}
