/** Where the package is. lib/native lies as deep as dist/shared, so this holds for the source and for what is made of it. */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PACKAGE_ROOT = resolve(fileURLToPath(import.meta.url), '..', '..', '..');
