import { Duration, aws_dynamodb as dynamodb, aws_kms as kms, aws_sqs as sqs } from 'aws-cdk-lib';
import { FunctionsProps, MessageProps, PagingProps, Pointer, PolicyProps } from './props';

/** A queue pair that is there already, whoever consumes it. */
export interface AttachedPair extends MessageProps, PolicyProps {
  /** Main queue of the pair. */
  readonly source: sqs.IQueue;
  /** Dead-letter queue of the pair. Its visibility timeout should not be below the indexer's timeout. */
  readonly deadLetters: sqs.IQueue;
  /**
   * The pair's namespace in the ledger, if its consumer keeps one of ours; `null` if not, and then only a person replays.
   */
  readonly scope: string | null;
  /**
   * Place in a message of the key that makes it the same message.
   * @default 'message-id'
   */
  readonly idempotencyKey?: Pointer | 'message-id';
  /**
   * True if the indexer empties the dead-letter queue.
   * @default false
   */
  readonly custody?: boolean;
  /**
   * Name of the pair in metrics and jobs.
   * @default the main queue's name
   */
  readonly name?: string;
  /**
   * True if letters are sent back to the main queue at all.
   * @default true
   */
  readonly sends?: boolean;
  /**
   * ARNs of other queues of this region that a person may have letters sent to, each time by name. The schedule never sends
   * there, and a queue with a key of its own must let the replay's role use it.
   * @default none
   */
  readonly destinationArns?: readonly string[];
  /**
   * Time that the main queue keeps a message.
   * @default 4 days
   */
  readonly mainRetention?: Duration;
  /**
   * Time that the dead-letter queue keeps a message.
   * @default 14 days
   */
  readonly deadLetterRetention?: Duration;
  /**
   * Time that resolved and discarded letters are kept: at least what both queues keep, and a day.
   * @default 90 days
   */
  readonly resolvedRetention?: Duration;
  /**
   * Time that the bodies and attributes of resolved and discarded letters are kept.
   * @default as long as the letters
   */
  readonly bodyRetention?: Duration;
}

/** Indexer and replay for queues that are there already. */
export interface RedriveAttachmentProps extends FunctionsProps, PagingProps {
  /** The pairs: the indexer may receive from their dead-letter queues, the replay may send to their main queues, and to no others. */
  readonly pairs: readonly AttachedPair[];
  /**
   * A file with the pairs as JSON (`infra/pairs.example.json`), in a layer (`/opt/...`) or in the functions' package, for lists
   * that are longer than the 4 KB of a function's variables. Then of `pairs` only the queues are read here.
   * @default none
   */
  readonly pairsFile?: string;
  /**
   * The consumers' ledger, if any of them keeps one.
   * @default none
   */
  readonly ledger?: dynamodb.ITable;
  /**
   * True if that table is another account's. Then edits withdraw copies by updates, because PartiQL reaches no table of
   * another account, and the table wants a policy that lets the roles of these functions `dynamodb:BatchGetItem`, and
   * that of the replay `dynamodb:UpdateItem`.
   * @default whether its account and the stack's are both known and differ
   */
  readonly ledgerElsewhere?: boolean;
  /**
   * Time that the ledger remembers a key.
   * @default 30 days
   */
  readonly ledgerRetention?: Duration;
  /**
   * The customer-managed keys of these queues, if they have any.
   * @default none
   */
  readonly queueKeys?: readonly kms.IKey[];
  /**
   * Time of one run of the indexer, as long as the time between two sweeps, so that a backlog is taken without a pause. It looks
   * into a queue for 25 s at most at once; SQS's own default keeps a received message invisible for 30 s.
   * @default 1 minute
   */
  readonly indexerTimeout?: Duration;
  /**
   * Prefix of the dashboard's name.
   * @default the stack's name, a dash, and the path of this construct in it
   */
  readonly name?: string;
}
