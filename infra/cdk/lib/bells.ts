import { Aws, aws_iam as iam, aws_sns as sns } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { topicKey } from './encryption';

/** The two topics. */
export interface Bells {
  /** Wakes the indexer. */
  readonly doorbell: sns.Topic;
  /** Tells people. */
  readonly alerts: sns.Topic;
}

class Bell extends Construct {
  public readonly topic: sns.Topic;

  /** Alarms whose names begin so may publish. */
  public constructor(scope: Construct, id: string, masterKey: sns.TopicProps['masterKey'], alarms: string) {
    super(scope, id);
    this.topic = new sns.Topic(this, 'Topic', masterKey === undefined ? {} : { masterKey });
    this.topic.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'AlarmsPublish',
        principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: {
          StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
          ArnLike: { 'aws:SourceArn': `arn:${Aws.PARTITION}:cloudwatch:${Aws.REGION}:${Aws.ACCOUNT_ID}:alarm:${alarms}` },
        },
      }),
    );
    this.topic.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'OnlyOverTls',
        effect: iam.Effect.DENY,
        principals: [new iam.StarPrincipal()],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: { Bool: { 'aws:SecureTransport': 'false' } },
      }),
    );
  }
}

/** The doorbell wakes the indexer; people are told through the other topic, and of other things. */
export function bells(scope: Construct, ownAlarmsOnly: boolean): Bells {
  const key = topicKey(scope);
  // Without chosen names CloudFormation begins every alarm's with the stack's.
  const ours = `${Aws.STACK_NAME}-*`;
  const doorbell = new Bell(scope, 'Doorbell', key, ownAlarmsOnly ? ours : '*').topic;
  return { doorbell, alerts: new Bell(scope, 'Alerts', key, ours).topic };
}
