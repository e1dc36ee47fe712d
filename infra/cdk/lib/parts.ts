import { aws_dynamodb as dynamodb, aws_kms as kms, aws_sqs as sqs } from 'aws-cdk-lib';
import { Bells } from './bells';
import { QueuePair } from './queues';

/** Parts that the functions stand on, wherever they run. */
export interface Common {
  readonly letters: dynamodb.ITable;
  readonly failures: sqs.Queue;
  readonly dataKey: kms.IKey | undefined;
  readonly bells: Bells;
}

/** Parts that they stand on where the queues are brought along. */
export interface Parts extends Common {
  readonly pair: QueuePair;
  readonly ledger: dynamodb.ITable;
}
