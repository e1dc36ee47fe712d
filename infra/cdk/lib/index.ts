export type { Alarms, Pages } from './alarms';
export type { BuiltCode, FunctionName, RedriveCode, RustCode, WorkspaceCode } from './code';
export { METRICS } from './metrics';
export type { IndexerMetric, ProcessorMetric, ReplayMetric } from './metrics';
export type { PeoplesPolicies } from './people';
export { RedriveConfigError } from './problems';
export type { Problem } from './problems';
export type {
  ErrorType,
  FunctionsProps,
  MessageProps,
  MessageTypes,
  PagingProps,
  Pointer,
  PolicyProps,
  RedriveQueueProps,
  ReplayMatch,
  ReplayRule,
} from './props';
export { RedriveQueue } from './redrive-queue';
export { RedriveStack } from './redrive-stack';
export type { RedriveStackProps } from './redrive-stack';
export type { Schedules } from './schedules';
export type { AttachedPair, RedriveAttachmentProps } from './attachment-props';
export { RedriveAttachment } from './redrive-attachment';
export { RedriveAttachmentStack } from './redrive-attachment-stack';
export type { PairText, RedriveAttachmentStackProps, RuleText } from './redrive-attachment-stack';
