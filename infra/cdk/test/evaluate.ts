/** A template, as CloudFormation reads it. */
export interface Template {
  readonly Parameters?: Readonly<Record<string, { readonly Type?: string; readonly Default?: unknown }>>;
  readonly Mappings?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;
  readonly Conditions?: Readonly<Record<string, unknown>>;
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs?: Readonly<Record<string, Output>>;
}

/** A resource of it. */
export interface Resource {
  readonly Type: string;
  readonly Condition?: string;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly DependsOn?: string | readonly string[];
  readonly Properties?: unknown;
  readonly Metadata?: Readonly<Record<string, unknown>>;
}

/** An output of it. */
export interface Output {
  readonly Condition?: string;
  readonly Description?: string;
  readonly Value: unknown;
}

/** Value that is left out: `AWS::NoValue`. */
const NOTHING = Symbol('nothing');
/** Arguments of a function of CloudFormation. */
type Argument = readonly unknown[];

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Works a template out for given parameters. What is known only when it is deployed stays as a text: `{{MainQueue.Arn}}`,
 * `{{AWS::Region}}`. Where a resource has another name in the other template, `names` says it.
 */
export class Evaluator {
  private readonly values: Readonly<Record<string, unknown>>;

  public constructor(
    private readonly template: Template,
    parameters: Readonly<Record<string, unknown>> = {},
    private readonly names: (logicalId: string) => string = (id) => id,
  ) {
    const declared = template.Parameters ?? {};
    for (const name of Object.keys(parameters)) {
      if (!(name in declared)) {
        throw new Error(`the template has no parameter ${name}`);
      }
    }
    const valueOf = ([name, { Type, Default }]: readonly [string, { Type?: string; Default?: unknown }]): [string, unknown] => {
      const value = parameters[name] ?? Default;
      return [name, Type === 'CommaDelimitedList' ? String(value).split(',') : value];
    };
    this.values = Object.fromEntries(Object.entries(declared).map(valueOf));
  }

  /** Returns true if a condition holds. */
  public holds(condition: string | undefined): boolean {
    return condition === undefined || this.truth({ Condition: condition });
  }

  /** A value without functions in it. */
  public value(raw: unknown): unknown {
    const value = this.evaluate(raw);
    return value === NOTHING ? undefined : value;
  }

  private evaluate(raw: unknown): unknown {
    if (Array.isArray(raw)) {
      return raw.map((item) => this.evaluate(item)).filter((item) => item !== NOTHING);
    }
    if (!isObject(raw)) {
      return raw;
    }
    const [name, ...more] = Object.keys(raw);
    if (name !== undefined && more.length === 0 && (name === 'Ref' || name.startsWith('Fn::'))) {
      return this.call(name, raw[name]);
    }
    const members = Object.entries(raw).map(([key, value]) => [key, this.evaluate(value)] as const);
    return Object.fromEntries(members.filter(([, value]) => value !== NOTHING));
  }

  private call(name: string, argument: unknown): unknown {
    switch (name) {
      case 'Ref':
        return this.ref(String(argument));
      case 'Fn::GetAtt':
        return this.attribute(Array.isArray(argument) ? argument.join('.') : String(argument));
      case 'Fn::If': {
        const [condition, yes, no] = argument as Argument;
        return this.evaluate(this.holds(String(condition)) ? yes : no);
      }
      case 'Fn::Sub':
        return this.substitute(argument);
      case 'Fn::Join': {
        const [separator, list] = argument as Argument;
        return (this.evaluate(list) as unknown[]).map(String).join(String(separator));
      }
      case 'Fn::Split': {
        const [separator, text] = argument as Argument;
        return String(this.evaluate(text)).split(String(separator));
      }
      case 'Fn::Select': {
        const [at, list] = argument as Argument;
        return (this.evaluate(list) as unknown[])[Number(at)];
      }
      case 'Fn::FindInMap': {
        const [map, top, second] = (argument as Argument).map((key) => String(this.evaluate(key)));
        return this.template.Mappings?.[map ?? '']?.[top ?? '']?.[second ?? ''];
      }
      default:
        throw new Error(`${name} is not known here: teach it to test/evaluate.ts`);
    }
  }

  private ref(name: string): unknown {
    if (name === 'AWS::NoValue') {
      return NOTHING;
    }
    if (name in this.values) {
      return this.values[name];
    }
    return `{{${name.startsWith('AWS::') ? name : this.resource(name)}}}`;
  }

  private attribute(path: string): string {
    const [id = '', ...rest] = path.split('.');
    return `{{${[this.resource(id), ...rest].join('.')}}}`;
  }

  private resource(id: string): string {
    if (!(id in this.template.Resources)) {
      throw new Error(`the template has no resource ${id}`);
    }
    return this.names(id);
  }

  private substitute(argument: unknown): string {
    const [text, given] = Array.isArray(argument) ? (argument as [string, Record<string, unknown>]) : [String(argument), {}];
    return text.replace(/\$\{(!?)([^}]+)\}/g, (whole, literal: string, name: string) => {
      if (literal === '!') {
        return `\${${name}}`;
      }
      const value = name in given ? this.evaluate(given[name]) : name.includes('.') ? this.attribute(name) : this.ref(name);
      return String(value === NOTHING ? whole : value);
    });
  }

  private truth(raw: unknown): boolean {
    if (!isObject(raw)) {
      throw new Error(`no condition: ${JSON.stringify(raw)}`);
    }
    const [[name, argument] = ['', undefined]] = Object.entries(raw);
    const parts = (): readonly boolean[] => (argument as Argument).map((part) => this.truth(part));
    switch (name) {
      case 'Condition':
        return this.truth(this.template.Conditions?.[String(argument)]);
      case 'Fn::Equals': {
        const [left, right] = (argument as Argument).map((side) => String(this.evaluate(side)));
        return left === right;
      }
      case 'Fn::Not':
        return !parts()[0];
      case 'Fn::And':
        return parts().every(Boolean);
      case 'Fn::Or':
        return parts().some(Boolean);
      default:
        throw new Error(`${name} is not known here: teach it to test/evaluate.ts`);
    }
  }
}
