import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig(
  { ignores: ['dist', 'node_modules', 'cdk.out'] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['eslint.config.mjs'] } } },
    rules: {
      '@typescript-eslint/explicit-function-return-type': ['error', { allowTypedFunctionExpressions: true }],
      // Numbers are told in messages everywhere here.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // A construct is made for its side: it stands in the tree.
      'no-new': 'off',
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', { max: 90, skipBlankLines: true, skipComments: true }],
    },
  },
);
