/** Milliseconds that no clock of the machine's changes. `performance` would have Node load ten modules for it. */
export const now = (): number => process.uptime() * 1000;
