import { Duration, aws_kms as kms, aws_lambda as lambda, aws_logs as logs } from 'aws-cdk-lib';
import { RedriveCode, RustCode } from './code';

/** A JSON pointer (RFC 6901) into a message's body, such as `/order_id`. */
export type Pointer = `/${string}`;

/** Kind of failure of a letter: the `error_type` that it carries. */
export type ErrorType = 'TRANSIENT' | 'PERMANENT' | 'TIMEOUT' | 'SCHEMA' | 'NEVER_RAN' | 'UNKNOWN';

/** Letters that a rule is for; all the given parts must fit, and without any every letter fits. */
export interface ReplayMatch {
  readonly errorType?: ErrorType;
  /** The code that the handler gave, or its beginning and a `*`. */
  readonly errorCode?: string;
  /** The cause, or its beginning and a `*`. */
  readonly fingerprint?: string;
}

/** Rule for the letters that fit: replayed never, when somebody asks, or by itself. */
export type ReplayRule =
  | { readonly match: ReplayMatch; readonly replay: 'never' | 'ask' }
  | {
      readonly match: ReplayMatch;
      readonly replay: 'auto';
      /** Time before it is replayed; doubled with each further death. */
      readonly coolDown?: Duration;
      /** Replays by the schedule at the most: one that died more often waits for a person. */
      readonly maxDeaths?: number;
    };

/** Several kinds of messages in one queue. */
export interface MessageTypes {
  /** Place of a message's type: `attribute:NAME`, `pointer:/PATH`, or EventBridge's `detail-type`. */
  readonly at: `attribute:${string}` | `pointer:${Pointer}` | 'detail-type';
  /** The types; each has its own namespace of keys, and needs a handler. */
  readonly names: readonly string[];
}

/** Configuration of reading messages. Processor, indexer and replay are told alike. */
export interface MessageProps {
  /**
   * Envelope of the messages, if they come through SNS (without raw delivery) or EventBridge.
   * @default 'none'
   */
  readonly bodyWrapping?: 'none' | 'sns' | 'eventbridge';
  /**
   * Source of the key where a key pointer is given: the message attribute `idempotency-key` may count, too. `both`: a
   * message that has it must have the same key at the pointer, or it is SCHEMA. `pointer`: the attribute says nothing.
   * `attribute`: it overrides the pointer, so that whoever may send to the queue can take any key.
   * @default 'both'
   */
  readonly idempotencyKeyFrom?: 'both' | 'pointer' | 'attribute';
  /**
   * Handling of bodies in which an object has a name twice: `refuse` makes them SCHEMA, `last` lets the last value
   * count.
   * @default 'refuse'
   */
  readonly duplicateNames?: 'refuse' | 'last';
  /**
   * Part of a body that tells a duplicate from a key that was used for something else. Name pointers if bodies carry a
   * time of sending or a trace.
   * @default 'canonical', the whole body
   */
  readonly payloadHash?: 'canonical' | 'off' | readonly Pointer[];
  /**
   * Values of the body that are masked out of error texts before these are stored or logged.
   * @default none
   */
  readonly errorMasks?: readonly Pointer[];
  /**
   * The types, if the queue has several.
   * @default one
   */
  readonly messageTypes?: MessageTypes;
}

/** Table of Powertools' idempotency utility, and its keys. */
export interface PowertoolsProps {
  /** Name of the table, whose only key is `id`. */
  readonly tableName: string;
  /** Prefixes of its ids, before the `#`: `FUNCTION.module.function` of Python, `FUNCTION` of TypeScript. */
  readonly keyPrefixes: readonly string[];
  /**
   * Data that Powertools has hashed: JSON pointers where it has a JMESPath, several for a list of them.
   * @default the idempotency key pointer, or `message-id` without one
   */
  readonly key?: 'message-id' | 'body' | Pointer | readonly Pointer[];
}

/** Policy for replays that nobody asks for. */
export interface PolicyProps {
  /**
   * Time before a letter is replayed by itself; it grows with each death.
   * @default 5 minutes
   */
  readonly replayCoolDown?: Duration;
  /**
   * Replays by the schedule at the most. A letter that died more often than this waits for a person.
   * @default 3
   */
  readonly replayMaxDeaths?: number;
  /**
   * Rules before the default policy; the first that fits decides.
   * @default none: NEVER_RAN, TRANSIENT and TIMEOUT go by themselves, everything else is asked for
   */
  readonly replayRules?: readonly ReplayRule[];
}

/** Properties of indexer and replay, wherever they run. */
export interface FunctionsProps {
  /**
   * Place of the functions' code.
   * @default the checkout of Redrive that this package is a part of, compiled when the app is synthesised
   */
  readonly code?: RedriveCode;
  /**
   * Instruction set of the functions; built ones must be built for it.
   * @default lambda.Architecture.X86_64
   */
  readonly architecture?: lambda.Architecture;
  /**
   * Least severity that the functions log.
   * @default 'info'
   */
  readonly logLevel?: 'error' | 'warn' | 'info' | 'debug' | 'trace';
  /**
   * Time that the functions' logs are kept.
   * @default logs.RetentionDays.ONE_MONTH
   */
  readonly logRetention?: logs.RetentionDays;
  /**
   * Sampling by X-Ray: of the functions' invocations (ACTIVE), or only of those that a caller has sampled.
   * @default lambda.Tracing.PASS_THROUGH
   */
  readonly tracing?: lambda.Tracing;
  /**
   * ARNs of layer versions that all functions get, five at most: a tracer that wraps them, say, or a list of queue pairs.
   * @default none
   */
  readonly layerArns?: readonly string[];
  /**
   * ARN of an EventBridge bus that indexer and replay notify of letters and jobs (docs/events.md). They may put events of the source
   * `redrive` there, and nothing else.
   * @default none
   */
  readonly eventBusArn?: string;
  /**
   * Key that encrypts queues, tables and logs: AWS's own, one that is made here and stays with the tables, or yours. To
   * yours the permissions of CloudWatch Logs, SNS and EventBridge are added, unless it was imported; then it needs
   * them. The topics always have a key of their own, because CloudWatch cannot publish to a topic under the AWS-managed
   * one.
   * @default 'aws-owned'
   */
  readonly encryption?: 'aws-owned' | 'customer-managed' | kms.IKey;
  /**
   * Time between the indexer's looks into the dead-letter queue without an alarm; whole minutes, an hour at most.
   * @default 1 minute
   */
  readonly sweepRate?: Duration;
  /**
   * Time of one run of the replay.
   * @default 1 minute
   */
  readonly replayTimeout?: Duration;
  /**
   * Time between the replay's looks for letters that its policy lets go; whole minutes, an hour at most.
   * @default 1 minute
   */
  readonly replayRate?: Duration;
  /**
   * Permits the replay to send to the dead-letter queue, in order to eject letters into it. It does so on request only,
   * and only once custody is off and the indexer's last run has ended.
   * @default false
   */
  readonly allowEject?: boolean;
  /**
   * Tells the names as the stack's outputs, where `redrive --stack` and `redrive doctor` look. One construct a stack
   * can have them.
   * @default true
   */
  readonly outputs?: boolean;
}

/** Properties of the alarms that tell people. */
export interface PagingProps {
  /**
   * `composite`: two alarms over the others, one for what may be lost or is not seen any more, and one for what waits for a
   * person, so that one incident is one page and a letter that waits mutes nothing urgent. `each`: every alarm by itself,
   * without the two and the one that calculates.
   * @default 'composite'
   */
  readonly paging?: 'composite' | 'each';
  /**
   * Age of the oldest message in the main queue, not counting retries, at which people are told: nobody takes its messages, and
   * SQS deletes them when its retention ends. Half a day at most, which is half of the shortest retention. In an attachment with
   * several pairs each main queue wants an alarm of yours; `redrive doctor` says so.
   * @default 1 hour
   */
  readonly mainQueueAgeLimit?: Duration;
  /**
   * Letters that may wait for a person, because the policy never replays them, before people are told.
   * @default 0
   */
  readonly forAPersonLimit?: number;
  /**
   * Letters that may wait, for whatever, before people are told; the objective for the depth.
   * @default 100
   */
  readonly pendingLimit?: number;
  /**
   * Time since its first failure that a letter may wait before people are told; the objective for the age.
   * @default 1 day
   */
  readonly oldestPendingLimit?: Duration;
}

/** A queue pair with a processor, an indexer and a replay. */
export interface RedriveQueueProps extends MessageProps, PolicyProps, FunctionsProps, PagingProps {
  /**
   * ARNs of other queues of this region that a person may have letters sent to, each time by name. The schedule never sends
   * there, and a queue with a key of its own must let the replay's role use it.
   * @default none
   */
  readonly destinationArns?: readonly string[];
  /**
   * Place in a message of the key that makes it the same message: a JSON pointer into its body, or the message's id,
   * which does not survive a redrive by other tools.
   */
  readonly idempotencyKey: Pointer | 'message-id';
  /**
   * Prefix of the names of the queues and of the dashboard.
   * @default the stack's name, a dash, and the path of this construct in it
   */
  readonly name?: string;
  /**
   * Your processor: the crate with your handler, or its code, built.
   * @default the example handler of `code`
   */
  readonly processorCode?: lambda.Code | RustCode;
  /**
   * Environment of your handler beside Redrive's own variables. Permissions are granted to `processor`.
   * @default nothing
   */
  readonly environment?: Readonly<Record<string, string>>;
  /**
   * Kind of both queues. On a FIFO queue a message that is not done holds up its group, so the receive limit is SQS's highest
   * (1,000), and attempts are counted in the ledger alone.
   * @default 'standard'
   */
  readonly queueType?: 'standard' | 'fifo';
  /**
   * Way of a message that will not run again to the dead-letter queue. `redrive`: SQS's own redrive policy moves it,
   * once its receives are used up. `direct`: the processor sends it there, then acknowledges it, and is permitted to.
   * @default direct for FIFO queues, where the dead hold up their groups, and redrive for standard ones
   */
  readonly onDead?: 'redrive' | 'direct';
  /**
   * Idempotency table of Powertools that the queue's earlier consumer has kept, in this account and region. It is only read: what it
   * shows as done is not run again (docs/from-powertools.md).
   * @default none
   */
  readonly powertools?: PowertoolsProps;
  /**
   * A topic or an EventBridge rule, by its ARN, that may send to the main queue. Not needed if it is subscribed by the CDK.
   * @default none
   */
  readonly producerArn?: string;
  /**
   * Namespace of the keys in the ledger.
   * @default 'main'
   */
  readonly ledgerScope?: string;
  /**
   * Delays between attempts, one attempt more than delays. `steps`: 1 s, 5 s, 30 s, 2 min, 10 min. `exponential`: nine, from
   * 30 s on, doubling.
   * @default 'steps'
   */
  readonly retrySchedule?: 'steps' | 'exponential' | readonly Duration[];
  /**
   * Receives after which SQS moves a message to the dead-letter queue; attempts of the schedule and at least 5 more.
   * @default attempts and 5 (FIFO: 1,000, and no other)
   */
  readonly maxReceiveCount?: number;
  /**
   * Time that Lambda gives one batch.
   * @default 30 seconds
   */
  readonly processorTimeout?: Duration;
  /**
   * Time that one message's handler is given.
   * @default two thirds of processorTimeout
   */
  readonly handlerTimeout?: Duration;
  /**
   * Time that a received message stays invisible: at least six times processorTimeout, and the batching window.
   * @default that
   */
  readonly visibilityTimeout?: Duration;
  /**
   * Messages that the processor is given at once, at most; above 10 with a batching window only, and not on FIFO queues.
   * @default 10
   */
  readonly batchSize?: number;
  /**
   * Time to wait for a batch to fill; standard queues only.
   * @default none
   */
  readonly batchingWindow?: Duration;
  /**
   * Batches in work at the same time. A limit here leaves messages in the queue, where throttles would burn their receives.
   * @default 10
   */
  readonly maximumConcurrency?: number;
  /**
   * Event pollers that are provisioned for the main queue, in place of a maximum concurrency, and paid for by the hour: 2 to 200
   * at least, 10,000 at most. Each hands over up to ten batches at a time.
   * @default none, Lambda's own scaling
   */
  readonly pollers?: { readonly minimum: number; readonly maximum: number };
  /**
   * Messages of one batch that are handled at the same time.
   * @default 64
   */
  readonly concurrency?: number;
  /**
   * Reaction to a batch in which nothing succeeded, for reasons that may pass. `on`: its messages are hidden for as
   * long as that has lasted (to 15 minutes), and the invocation fails, a signal in `Errors`; `quiet`: hidden without
   * the error.
   * @default 'on'
   */
  readonly outageBrake?: 'on' | 'quiet' | 'off';
  /**
   * True if the indexer empties the dead-letter queue. If not, it is left to native tools; what are letters by then can
   * still be replayed, discarded, or ejected into the queue.
   * @default true
   */
  readonly custody?: boolean;
  /**
   * Time of one run of the indexer, and the visibility timeout of the dead-letter queue.
   * @default 1 minute
   */
  readonly indexerTimeout?: Duration;
  /**
   * Time that the main queue keeps a message; below the dead-letter queue's 14 days.
   * @default 4 days
   */
  readonly mainRetention?: Duration;
  /**
   * Time that the ledger remembers a key: at least what both queues keep, and a day.
   * @default 30 days
   */
  readonly ledgerRetention?: Duration;
  /**
   * Time that resolved and discarded letters are kept: at least what both queues keep, and a day. Pending ones never expire.
   * @default 90 days
   */
  readonly resolvedRetention?: Duration;
  /**
   * Time that the bodies and attributes of resolved and discarded letters are kept.
   * @default as long as the letters
   */
  readonly bodyRetention?: Duration;
}
