/** Whether the suite may take minutes (`npm run test:long`): what repeats then does so as often as a machine does in months. */
export const LONG = process.env['NETLOOM_LONG'] !== undefined;
