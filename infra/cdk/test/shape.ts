import { Evaluator, Resource, Template } from './evaluate';

/** A template in a form in which two that mean the same are the same: each resource and output by its name in the SAM template. */
export type Shape = Map<string, unknown>;

type Members = Record<string, unknown>;
const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Lists whose order means nothing, and by what they are put in order. */
const SETS: Readonly<Record<string, (item: unknown) => string>> = {
  Action: String,
  AttributeDefinitions: (item) => String((item as Members)['AttributeName']),
  NonKeyAttributes: String,
  Policies: (item) => String((item as Members)['PolicyName']),
  Statement: (item) => String((item as Members)['Sid']),
  Service: String,
  Tags: (item) => String((item as Members)['Key']),
  'aws:SourceArn': String,
};
/** Texts that are JSON. */
const JSONS = new Set(['DashboardBody', 'Input', 'QUEUE_PAIRS', 'REPLAY_POLICY']);
/** Members of a policy where one alone may stand without its list. */
const ONE_OR_MANY = new Set(['Action', 'Resource', 'Service', 'aws:SourceArn']);

/**
 * CloudFormation takes a number as a text, and a text as a number; a list of one is that one in a policy; a policy that is
 * attached to a role is one of the role's own.
 */
function canonical(key: string, value: unknown): unknown {
  if (typeof value === 'string' && JSONS.has(key) && value !== '') {
    return canonical('', JSON.parse(value));
  }
  if (key === 'AlarmRule') {
    return String(value)
      .trim()
      .split(/\s+OR\s+/)
      .sort();
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => canonical('', item));
    const order = SETS[key];
    const sorted = order === undefined ? items : [...items].sort((a, b) => (order(a) < order(b) ? -1 : 1));
    return ONE_OR_MANY.has(key) && sorted.length === 1 ? sorted[0] : sorted;
  }
  if (isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, canonical(name, inner)]));
  }
  return typeof value === 'string' ? value : String(value);
}

function resourceShape(evaluator: Evaluator, resource: Resource): Members {
  const { Type, DeletionPolicy = 'Delete', UpdateReplacePolicy = 'Delete', Properties = {} } = resource;
  return canonical('', { Type, DeletionPolicy, UpdateReplacePolicy, Properties: evaluator.value(Properties) }) as Members;
}

function outputs(template: Template, evaluator: Evaluator, shape: Shape): void {
  for (const [name, { Condition, Description, Value }] of Object.entries(template.Outputs ?? {})) {
    if (evaluator.holds(Condition)) {
      shape.set(`output ${name}`, canonical('', { Description, Value: evaluator.value(Value) }));
    }
  }
}

/** Of a SAM template after its transform, for these parameters; or of one resource of it alone. */
export function ofSam(template: Template, parameters: Readonly<Record<string, unknown>>, alone?: string): Shape {
  const evaluator = new Evaluator(template, parameters);
  const shape: Shape = new Map();
  for (const [id, resource] of Object.entries(template.Resources)) {
    if ((alone === undefined || alone === id) && evaluator.holds(resource.Condition)) {
      shape.set(id, resourceShape(evaluator, resource));
    }
  }
  outputs(template, evaluator, shape);
  return shape;
}

/** The name in the SAM template is the path of the construct: `Redrive/Processor/Role/Resource` is `ProcessorRole`. */
function nameOf(id: string, resource: Resource): string {
  const path = resource.Metadata?.['aws:cdk:path'];
  const parts = (typeof path === 'string' ? path : id).split('/').slice(1);
  return parts.filter((part, at) => part !== 'Resource' && !(at === 0 && part === 'Redrive')).join('');
}

const isGrant = ({ Type }: Resource): boolean => Type === 'AWS::IAM::Role' || Type === 'AWS::IAM::Policy';

/** Of a stack that the CDK synthesised; or of one resource of it alone, and of roles all, since policies are attached to them. */
export function ofCdk(template: Template, alone?: string): Shape {
  const names = new Map(Object.entries(template.Resources).map(([id, resource]) => [id, nameOf(id, resource)]));
  const evaluator = new Evaluator(template, {}, (id) => names.get(id) ?? id);
  const shape: Shape = new Map();
  const attached: Members[] = [];
  const one = alone === undefined ? undefined : template.Resources[alone];
  const wanted = (id: string, resource: Resource): boolean =>
    one === undefined || id === alone || (isGrant(one) && isGrant(resource));
  for (const [id, resource] of Object.entries(template.Resources).filter(([id, resource]) => wanted(id, resource))) {
    const made = resourceShape(evaluator, resource);
    if (resource.Type === 'AWS::IAM::Policy') {
      attached.push(made['Properties'] as Members);
    } else {
      shape.set(names.get(id) ?? id, made);
    }
  }
  for (const { PolicyName, PolicyDocument, Roles } of attached) {
    for (const role of Roles as string[]) {
      const found = shape.get(role.slice(2, -2)) as Members | undefined;
      const properties = found?.['Properties'] as Members | undefined;
      if (properties === undefined) {
        throw new Error(`a policy names the role ${role}, which is not there`);
      }
      properties['Policies'] = canonical('Policies', [
        ...((properties['Policies'] ?? []) as unknown[]),
        { PolicyName, PolicyDocument },
      ]);
    }
  }
  outputs(template, evaluator, shape);
  return shape;
}

/** Place where the two are not the same. */
export interface Difference {
  /** Resource and property, such as `MainQueue/Properties/VisibilityTimeout`. */
  readonly place: string;
  readonly sam: unknown;
  readonly cdk: unknown;
}

/** Every place, the deepest that tells it. */
export function compare(sam: Shape, cdk: Shape): Difference[] {
  return differ('', Object.fromEntries(sam), Object.fromEntries(cdk));
}

function differ(place: string, sam: unknown, cdk: unknown): Difference[] {
  if (isObject(sam) && isObject(cdk)) {
    const keys = [...new Set([...Object.keys(sam), ...Object.keys(cdk)])].sort();
    return keys.flatMap((key) => differ(place === '' ? key : `${place}/${key}`, sam[key], cdk[key]));
  }
  if (Array.isArray(sam) && Array.isArray(cdk) && sam.length === cdk.length) {
    return sam.flatMap((item, at) => differ(`${place}/${at}`, item, cdk[at]));
  }
  return JSON.stringify(sam) === JSON.stringify(cdk) ? [] : [{ place, sam, cdk }];
}
