// A runtime of one process: makes the calls that it reads, one after the other, and tells what each gave and left open.
import { readdirSync, readFileSync } from 'node:fs';
import { cni } from '../../dist/cni/cni.js';

const descriptors = () => readdirSync('/proc/self/fd').length;

/** @param {import('../../dist/cni/cni.js').CniRequest} request */
function answerTo(request) {
  try {
    return { result: cni(request) };
  } catch (error) {
    const { code, name, message } = /** @type {import('../../dist/cni/cni.js').CniError} */ (error);
    return { code, name, message };
  }
}

const answers = JSON.parse(readFileSync(0, 'utf8')).map(
  (/** @type {import('../../dist/cni/cni.js').CniRequest} */ one) => ({
    ...answerTo(one),
    open: descriptors(),
  }),
);
console.log(JSON.stringify(answers));
