import { Aws, aws_iam as iam, aws_sns as sns } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { topicKey } from './encryption';

/** Topics that alarms are sent to. */
export interface Bells {
  /** Topic that wakes the indexer. */
  readonly doorbell: sns.Topic;
  /** True if any alarm of the account may ring the doorbell. */
  readonly anyAlarm: boolean;
  /** Topic that tells people. */
  readonly alerts: sns.Topic;
}

class Bell extends Construct {
  public readonly topic: sns.Topic;

  public constructor(scope: Construct, id: string, masterKey: sns.TopicProps['masterKey']) {
    super(scope, id);
    this.topic = new sns.Topic(this, 'Topic', masterKey === undefined ? {} : { masterKey });
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

/** Lets these alarms publish: by their ARNs, because a stack's name is the beginning of others' names. */
export function takesAlarms(topic: sns.Topic, operator: 'ArnEquals' | 'ArnLike', sources: readonly string[]): void {
  topic.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'AlarmsPublish',
      principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID }, [operator]: { 'aws:SourceArn': sources } },
    }),
  );
}

/** The doorbell wakes the indexer; the other topic notifies people, of other things. */
export function bells(scope: Construct, anyAlarm: boolean): Bells {
  const key = topicKey(scope);
  const doorbell = new Bell(scope, 'Doorbell', key).topic;
  if (anyAlarm) {
    takesAlarms(doorbell, 'ArnLike', [`arn:${Aws.PARTITION}:cloudwatch:${Aws.REGION}:${Aws.ACCOUNT_ID}:alarm:*`]);
  }
  return { doorbell, anyAlarm, alerts: new Bell(scope, 'Alerts', key).topic };
}
