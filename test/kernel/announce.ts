/** Says once per run which kernel tests are skipped, and why. NETLOOM_REQUIRE_PRIVILEGE=1 makes that a failure (CI). */
import { reasonsToSkip } from './privilege.ts';

export function setup(): void {
  const reasons = reasonsToSkip();
  if (reasons.length === 0) return;
  const message = `${reasons.join('\n')}\nAll of them run with: sudo -E npm run test:kernel`;
  if (process.env['NETLOOM_REQUIRE_PRIVILEGE']) throw new Error(message);
  console.warn(message);
}
