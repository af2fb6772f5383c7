/** Says once per run why the kernel suite is skipped. NETLOOM_REQUIRE_PRIVILEGE=1 makes that a failure (CI). */
import { missingCapabilities } from './privilege.ts';

export function setup(): void {
  const missing = missingCapabilities();
  if (missing.length === 0) return;
  const message = `kernel tests are skipped: ${missing.join(' and ')} missing; run: sudo -E npm run test:kernel`;
  if (process.env['NETLOOM_REQUIRE_PRIVILEGE']) throw new Error(message);
  console.warn(message);
}
