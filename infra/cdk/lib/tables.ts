import { RemovalPolicy, aws_dynamodb as dynamodb, aws_kms as kms } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { ofTable } from './encryption';
import { acknowledge } from './nag';

const { NUMBER, STRING } = dynamodb.AttributeType;

/** Attributes that a list of letters shows, whichever index it comes from. No body. */
const LISTED = [
  'status',
  'error_type',
  'error_code',
  'error_message',
  'fingerprint',
  'deaths',
  'number',
  'last_failed_at',
  'source_topic',
  'function_version',
  'message_group_id',
  'sequence_number',
  'idempotency_key',
  'scope',
];

/**
 * The idempotency table. It has no point-in-time recovery on purpose: a restored ledger forgets the completions since then,
 * and lets their messages run a second time. It holds nothing that a queue or a letter needs.
 */
export function ledgerTable(scope: Construct, key: kms.IKey | undefined): dynamodb.Table {
  const table = new dynamodb.Table(scope, 'Ledger', {
    partitionKey: { name: 'pk', type: STRING },
    billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
    timeToLiveAttribute: 'expires',
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
    ...ofTable(key),
  });
  acknowledge(table, 'ledgerForgets');
  return table;
}

/**
 * The letters. Each is the item `head`; a body that is large, or deleted before its letter, stands beside it in `chunk#0` and
 * so on. Only heads have the indexes' keys.
 */
export function lettersTable(scope: Construct, key: kms.IKey | undefined): dynamodb.Table {
  const table = new dynamodb.Table(scope, 'DeadLetters', {
    partitionKey: { name: 'pk', type: STRING },
    sortKey: { name: 'sk', type: STRING },
    billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
    timeToLiveAttribute: 'expires',
    deletionProtection: true,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    removalPolicy: RemovalPolicy.RETAIN,
    ...ofTable(key),
  });
  table.addGlobalSecondaryIndex({
    indexName: 'by-status',
    partitionKey: { name: 'status_shard', type: STRING },
    sortKey: { name: 'due', type: NUMBER },
    projectionType: dynamodb.ProjectionType.INCLUDE,
    nonKeyAttributes: [...LISTED, 'first_failed_at'],
  });
  table.addGlobalSecondaryIndex({
    indexName: 'by-fingerprint',
    partitionKey: { name: 'fingerprint_shard', type: STRING },
    sortKey: { name: 'first_failed_at', type: STRING },
    projectionType: dynamodb.ProjectionType.INCLUDE,
    nonKeyAttributes: [...LISTED, 'due'],
  });
  // For `redrive find`: the letters of a key, which an erased one leaves.
  table.addGlobalSecondaryIndex({
    indexName: 'by-key',
    partitionKey: { name: 'idempotency_key', type: STRING },
    projectionType: dynamodb.ProjectionType.KEYS_ONLY,
  });
  return table;
}
