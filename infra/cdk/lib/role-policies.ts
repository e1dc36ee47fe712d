import { Stack, aws_iam as iam } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { RedriveConfigError } from './problems';

/** The policies of a role, by name. */
export type Policies = Readonly<Record<string, iam.PolicyStatement[]>>;

/** Characters of all inline policies of a role together, and of one managed policy, white space not counted (IAM's quotas). */
const INLINE_CHARACTERS = 10_240;
const MANAGED_CHARACTERS = 6_144;
/** Managed policies of a role (IAM's quota before anybody has it raised). */
const MANAGED_POLICIES = 10;
/** Characters that stand for a name that only AWS knows: an ARN. */
const UNKNOWN = 110;
const DOCUMENT = '{"Version":"2012-10-17","Statement":[]}'.length;

/** Policies that fit into a role, and those that are too much for it. */
export interface Fitted {
  readonly inline: Policies;
  /** The statements of each managed policy. */
  readonly managed: readonly (readonly iam.PolicyStatement[])[];
}

/**
 * Leaves policies as they are while IAM takes them inline. Otherwise the lists of resources, which grow with the queues, go into
 * managed policies, each as full as it may be.
 *
 * @throws RedriveConfigError if a role cannot hold them.
 */
export function fitted(scope: Construct, policies: Policies): Fitted {
  if (inlineSize(scope, policies) <= INLINE_CHARACTERS) {
    return { inline: policies, managed: [] };
  }
  const grows = (statement: iam.PolicyStatement): boolean => statement.resources.length > 1;
  const inline = Object.fromEntries(
    Object.entries(policies)
      .map(([name, statements]) => [name, statements.filter((one) => !grows(one))] as const)
      .filter(([, statements]) => statements.length > 0),
  );
  const managed = packed(scope, Object.values(policies).flat().filter(grows));
  const size = inlineSize(scope, inline);
  if (size > INLINE_CHARACTERS || managed.length > MANAGED_POLICIES) {
    const wrong = `needs ${size} characters inline and ${managed.length} managed policies for its role`;
    const allowed = `${INLINE_CHARACTERS} and ${MANAGED_POLICIES}, IAM's quotas: several attachments, each with a part of the pairs`;
    throw new RedriveConfigError(scope.node.path, [{ property: 'pairs', wrong, allowed }]);
  }
  return { inline, managed };
}

function packed(scope: Construct, statements: readonly iam.PolicyStatement[]): iam.PolicyStatement[][] {
  const full: iam.PolicyStatement[][] = [];
  let last: iam.PolicyStatement[] = [];
  let used = DOCUMENT;
  for (const statement of statements) {
    const bare = sizeOf(scope, { ...(statement.toStatementJson() as object), Resource: [] }) + 1;
    let resources: string[] = [];
    used += bare;
    for (const resource of statement.resources) {
      const size = sizeOf(scope, resource) + 1;
      if (used + size > MANAGED_CHARACTERS) {
        full.push(resources.length === 0 ? last : [...last, statement.copy({ resources })]);
        [last, resources, used] = [[], [], DOCUMENT + bare];
      }
      resources.push(resource);
      used += size;
    }
    last.push(statement.copy({ resources }));
  }
  return [...full, last];
}

function inlineSize(scope: Construct, policies: Policies): number {
  const size = (statements: readonly iam.PolicyStatement[]): number =>
    statements.reduce((sum, one) => sum + sizeOf(scope, one.toStatementJson()) + 1, DOCUMENT);
  return Object.values(policies).reduce((sum, statements) => sum + size(statements), 0);
}

/** Characters of a value in a document; of what is known only when it is deployed, as many as an ARN may have. */
function sizeOf(scope: Construct, value: unknown): number {
  return JSON.stringify(known(Stack.of(scope).resolve(value))).replace(/\s/g, '').length;
}

function known(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(known);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const [first, ...more] = Object.keys(value);
  if (first !== undefined && more.length === 0 && (first === 'Ref' || first.startsWith('Fn::'))) {
    return 'x'.repeat(UNKNOWN);
  }
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, known(inner)]));
}
