/** How many times slower than usual this machine is: what emulates another kernel says so, and limits of time stretch. */
export const SLOWNESS = Number(process.env['NETLOOM_SLOWNESS'] ?? 1);
