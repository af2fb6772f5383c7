/** A link as results tell of it. */
import type { Link } from '../../sync.js';
import type { Interface } from '../protocol/result.js';

/** `sandbox` is the path of its namespace; absent for links of the host. */
export const told = ({ name, mac, mtu }: Link, sandbox?: string): Interface => ({ name, mac, mtu, sandbox });
