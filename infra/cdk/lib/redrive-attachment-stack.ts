import {
  Arn,
  ArnFormat,
  Aws,
  Duration,
  Stack,
  StackProps,
  aws_dynamodb as dynamodb,
  aws_kms as kms,
  aws_sqs as sqs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { AttachedPair, RedriveAttachmentProps } from './attachment-props';
import { Problems } from './problems';
import { ErrorType, MessageProps, Pointer, ReplayRule } from './props';
import { RedriveAttachment } from './redrive-attachment';

/** A pair as `infra/pairs.example.json` shows it. The functions themselves read every member again, and refuse a bad one. */
export interface PairText {
  readonly name?: string;
  readonly source_arn: string;
  readonly source_url: string;
  readonly dead_letter_url: string;
  readonly scope: string | null;
  readonly key_pointer?: Pointer;
  readonly key_from?: MessageProps['idempotencyKeyFrom'];
  readonly duplicate_names?: MessageProps['duplicateNames'];
  readonly body_wrapping?: MessageProps['bodyWrapping'];
  readonly message_type_at?: NonNullable<MessageProps['messageTypes']>['at'];
  readonly message_types?: readonly string[];
  readonly payload_hash?: string;
  readonly error_masks?: readonly Pointer[];
  readonly main_retention_days?: number;
  readonly dead_letter_retention_days?: number;
  readonly resolved_retention_days?: number;
  readonly body_retention_days?: number;
  readonly policy?: { readonly cool_down_seconds?: number; readonly max_deaths?: number; readonly rules?: readonly RuleText[] };
  readonly destinations?: readonly string[];
  readonly custody?: boolean;
}

/** A rule as it stands there. */
export interface RuleText {
  readonly match: { readonly error_type?: ErrorType; readonly error_code?: string; readonly fingerprint?: string };
  readonly replay: 'never' | 'ask' | 'auto';
  readonly cool_down_seconds?: number;
  readonly max_deaths?: number;
}

/** Indexer and replay for the queues of a list. */
export interface RedriveAttachmentStackProps extends StackProps {
  readonly pairs: readonly PairText[];
  /** ARN of the consumers' ledger, if any of them keeps one. */
  readonly ledgerTableArn?: string;
  /** ARNs of the customer-managed keys of these queues, if they have any. */
  readonly queueKeyArns?: readonly string[];
  /** Further properties of the construct. */
  readonly attachment?: Partial<RedriveAttachmentProps>;
}

/** Stack that `infra/attach.yaml` deploys, too. A test holds the two against each other. */
export class RedriveAttachmentStack extends Stack {
  public readonly redrive: RedriveAttachment;

  public constructor(scope: Construct, id: string, props: RedriveAttachmentStackProps) {
    super(scope, id, {
      description:
        'Redrive for queues that are there already, whoever consumes them: the indexer that turns dead messages into letters, and ' +
        'the replay that sends them back. It brings neither a queue nor a processor.',
      ...props,
    });
    const problems = new Problems();
    const pairs = props.pairs.map((text, at) => this.pair(problems, text, at));
    problems.throwIfAny(this.node.path);
    const keys = (props.queueKeyArns ?? []).map((arn, at) => kms.Key.fromKeyArn(this, `QueueKey${at}`, arn));
    this.redrive = new RedriveAttachment(this, 'Redrive', {
      pairs,
      name: Aws.STACK_NAME,
      ...(props.ledgerTableArn === undefined
        ? {}
        : { ledger: dynamodb.Table.fromTableArn(this, 'Ledger', props.ledgerTableArn) }),
      ...(keys.length === 0 ? {} : { queueKeys: keys }),
      ...props.attachment,
    });
  }

  private pair(problems: Problems, text: PairText, at: number): AttachedPair {
    const days = (count: number | undefined): Duration | undefined => (count === undefined ? undefined : Duration.days(count));
    const queue = (name: string, url: string, arn: string): sqs.IQueue =>
      sqs.Queue.fromQueueAttributes(this, `${name}${at}`, { queueArn: arn, queueUrl: url });
    const name = /\/([^/]+)\/([^/]+)$/.exec(text.dead_letter_url);
    if (name === null || Arn.split(text.source_arn, ArnFormat.NO_RESOURCE_NAME).service !== 'sqs') {
      problems.refuse(`pairs[${at}]`, 'has no ARN and no URLs of SQS queues', 'source_arn, source_url and dead_letter_url');
    }
    const [, account = '', deadName = ''] = name ?? [];
    const deadArn = `${text.source_arn.split(':').slice(0, 4).join(':')}:${account}:${deadName}`;
    const { policy = {} } = text;
    return {
      source: queue('Source', text.source_url, text.source_arn),
      deadLetters: queue('DeadLetters', text.dead_letter_url, deadArn),
      name: text.name,
      scope: text.scope,
      idempotencyKey: text.key_pointer,
      idempotencyKeyFrom: text.key_from,
      duplicateNames: text.duplicate_names,
      bodyWrapping: text.body_wrapping,
      payloadHash: hash(text.payload_hash),
      errorMasks: text.error_masks,
      messageTypes:
        text.message_type_at === undefined ? undefined : { at: text.message_type_at, names: text.message_types ?? [] },
      mainRetention: days(text.main_retention_days),
      deadLetterRetention: days(text.dead_letter_retention_days),
      resolvedRetention: days(text.resolved_retention_days),
      bodyRetention: days(text.body_retention_days),
      replayCoolDown: policy.cool_down_seconds === undefined ? undefined : Duration.seconds(policy.cool_down_seconds),
      replayMaxDeaths: policy.max_deaths,
      replayRules: policy.rules?.map(rule),
      sends: text.destinations?.includes(text.source_arn) ?? true,
      destinationArns: text.destinations?.filter((arn) => arn !== text.source_arn),
      custody: text.custody,
    };
  }
}

function hash(text: string | undefined): MessageProps['payloadHash'] {
  return text === undefined || text === 'canonical' || text === 'off' ? text : (text.split(',') as Pointer[]);
}

function rule(text: RuleText): ReplayRule {
  const { match: found, replay } = text;
  const match = { errorType: found.error_type, errorCode: found.error_code, fingerprint: found.fingerprint };
  if (replay !== 'auto') {
    return { match, replay };
  }
  const coolDown = text.cool_down_seconds === undefined ? undefined : Duration.seconds(text.cool_down_seconds);
  return { match, replay, coolDown, maxDeaths: text.max_deaths };
}
