import { Duration, Stack, aws_iam as iam, aws_kms as kms, aws_sqs as sqs } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { ofQueue } from './encryption';
import { acknowledge } from './nag';
import { QueueSettings } from './queue-settings';
import { LIMITS } from './functions-settings';

/** The main queue and where its dead go. */
export interface QueuePair {
  readonly main: sqs.Queue;
  readonly dead: sqs.Queue;
}

/** Denies requests to a queue in the clear. `enforceSSL` does the same, without a name. */
function onlyOverTls(queue: sqs.Queue): void {
  queue.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'OnlyOverTls',
      effect: iam.Effect.DENY,
      principals: [new iam.StarPrincipal()],
      actions: ['sqs:*'],
      resources: [queue.queueArn],
      conditions: { Bool: { 'aws:SecureTransport': 'false' } },
    }),
  );
}

/** The pair. The main queue has a chosen name, because the dead-letter queue must name it, and it that one. */
export function queuePair(scope: Construct, settings: QueueSettings, key: kms.IKey | undefined): QueuePair {
  const { name, fifo, producerArn } = settings;
  const mainName = fifo ? `${name}-main.fifo` : `${name}-main`;
  const dead = new sqs.Queue(scope, 'DeadLetterQueue', {
    // SQS takes no other name for a FIFO queue.
    ...(fifo ? { fifo, queueName: `${name}-dead.fifo` } : {}),
    // The clock starts at the first send.
    retentionPeriod: Duration.days(LIMITS.dead_letter_retention_days),
    // No message comes back inside a run of the indexer.
    visibilityTimeout: settings.indexerTimeout,
    ...ofQueue(key),
  });
  (dead.node.defaultChild as sqs.CfnQueue).redriveAllowPolicy = {
    redrivePermission: 'byQueue',
    sourceQueueArns: [Stack.of(scope).formatArn({ service: 'sqs', resource: mainName })],
  };
  onlyOverTls(dead);
  const main = new sqs.Queue(scope, 'MainQueue', {
    queueName: mainName,
    ...(fifo ? { fifo } : {}),
    visibilityTimeout: settings.visibilityTimeout,
    retentionPeriod: Duration.days(settings.mainDays),
    deadLetterQueue: { queue: dead, maxReceiveCount: settings.maxReceiveCount },
    ...ofQueue(key),
  });
  onlyOverTls(main);
  if (producerArn !== undefined) {
    main.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'TheProducerSends',
        principals: [new iam.ServicePrincipal('sns.amazonaws.com'), new iam.ServicePrincipal('events.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [main.queueArn],
        conditions: { ArnEquals: { 'aws:SourceArn': producerArn } },
      }),
    );
  }
  return { main, dead };
}

/** Invocations of the indexer and the replay that failed for good, and rings and schedules that could not be delivered. */
export function failedInvocations(scope: Construct, key: kms.IKey | undefined): sqs.Queue {
  const queue = new sqs.Queue(scope, 'FailedInvocationsQueue', {
    retentionPeriod: Duration.days(LIMITS.dead_letter_retention_days),
    ...ofQueue(key),
  });
  onlyOverTls(queue);
  acknowledge(queue, 'lastStop');
  return queue;
}

/** Lets the doorbell report what it could not hand to the indexer. The other senders have roles. */
export function takesReportsOf(queue: sqs.Queue, topicArn: string): void {
  queue.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'TheDoorbellReports',
      principals: [new iam.ServicePrincipal('sns.amazonaws.com')],
      actions: ['sqs:SendMessage'],
      resources: [queue.queueArn],
      conditions: { ArnEquals: { 'aws:SourceArn': topicArn } },
    }),
  );
}
