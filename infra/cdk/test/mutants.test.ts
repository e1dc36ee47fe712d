import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RedriveAttachmentStack, RedriveStack } from '../lib';
import { Resource, Template } from './evaluate';
import { Values, attachedProps, wholeProps } from './parameters';
import { ATTACH_SETS, WHOLE_SETS } from './sets';
import { Shape, compare, ofCdk, ofSam } from './shape';
import { unmeant } from './differences';
import { app, sam, stub, synthesised } from './stacks';

const code = stub();
type Path = readonly (string | number)[];

/** Every single value in it, by its path. */
function leaves(value: unknown, path: Path = []): Path[] {
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
  }
  return [path];
}

/** The same with another value there. */
function mutated(value: unknown, path: Path): unknown {
  const [key, ...rest] = path;
  if (key === undefined) {
    return typeof value === 'number' ? value + 1 : typeof value === 'boolean' ? !value : `${String(value)}~`;
  }
  const copy = structuredClone(value) as Record<string | number, unknown>;
  copy[key] = mutated(copy[key], rest);
  return copy;
}

/** Parts of a resource that mean something to CloudFormation; its dependencies follow from what it refers to. */
const PARTS = ['Type', 'DeletionPolicy', 'UpdateReplacePolicy', 'Condition', 'Properties'] as const;

function mutants({ Resources }: Template): { readonly id: string; readonly path: Path; readonly resource: Resource }[] {
  return Object.entries(Resources).flatMap(([id, resource]) =>
    PARTS.flatMap((part) => (part in resource ? leaves(resource[part], [part]) : [])).map((path) => ({
      id,
      path,
      resource: mutated(resource, path) as Resource,
    })),
  );
}

/** Returns true if a template with this resource is told from its counterpart. One that cannot be read any more is told, too. */
function noticed(template: Template, id: string, resource: Resource, differs: (template: Template) => boolean): boolean {
  try {
    return differs({ ...template, Resources: { ...template.Resources, [id]: resource } });
  } catch {
    return true;
  }
}

/** Takes one resource of each of them, so that thousands of mutants take seconds. */
function only(shape: Shape, ids: readonly string[]): Shape {
  return new Map([...shape].filter(([id]) => ids.includes(id)));
}

/** Changes that nobody need notice: where the code is, and which form made it. */
const FREE = /Properties\.(Code\.|Tags\.)/;

interface Form {
  readonly file: 'template.yaml' | 'attach.yaml';
  readonly sets: Readonly<Record<string, Values>>;
  readonly make: (values: Values) => Template;
}

const FORMS: readonly Form[] = [
  {
    file: 'template.yaml',
    sets: WHOLE_SETS,
    make: (values) => synthesised(new RedriveStack(app(), 'redrive', wholeProps(values, code))),
  },
  {
    file: 'attach.yaml',
    sets: ATTACH_SETS,
    make: (values) => synthesised(new RedriveAttachmentStack(app(), 'redrive', attachedProps(values, code))),
  },
];

for (const { file, sets, make } of FORMS) {
  void describe(`one changed value of ${file}`, () => {
    const pairs = Object.values(sets).map((values) => ({ values, cdk: make(values) }));

    void it('is noticed wherever it is, if it is in the SAM template', () => {
      const template = sam()[file];
      const targets = pairs.map(({ values, cdk }) => ({ values, shape: ofCdk(cdk) }));
      const found = mutants(template);
      assert.ok(found.length > 800, `${found.length} mutants`);
      const missed = found.filter(({ id, path, resource }) => {
        if (FREE.test(path.join('.'))) {
          return false;
        }
        const single = { ...template, Resources: { ...template.Resources } };
        return !targets.some(({ values, shape }) =>
          noticed(
            single,
            id,
            resource,
            (mutant) => unmeant(compare(only(ofSam(mutant, values, id), [id]), only(shape, [id]))).length > 0,
          ),
        );
      });
      assert.deepEqual(
        missed.map(({ id, path }) => `${id}/${path.join('/')}`),
        [],
      );
    });

    void it('is noticed wherever it is, if it is in the synthesised template', () => {
      for (const { values, cdk } of pairs) {
        const shape = ofSam(sam()[file], values);
        const changed = mutants(cdk).filter(({ path }) => !FREE.test(path.join('.')));
        assert.ok(changed.length > 500, `${changed.length} mutants`);
        const missed = changed.filter(({ id, resource }) => {
          const ids = [...ofCdk(cdk, id).keys()].filter((name) => !name.startsWith('output '));
          const differs = (mutant: Template): boolean => {
            const theirs = ofCdk(mutant, id);
            return (
              unmeant(
                compare(
                  only(shape, ids),
                  only(
                    theirs,
                    [...ids, ...theirs.keys()].filter((name) => !name.startsWith('output ')),
                  ),
                ),
              ).length > 0
            );
          };
          return !noticed(cdk, id, resource, differs);
        });
        assert.deepEqual(
          missed.map(({ id, path }) => `${id}/${path.join('/')}`),
          [],
        );
      }
    });
  });
}
