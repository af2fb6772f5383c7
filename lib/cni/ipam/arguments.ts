/**
 * The CNI_ARGS that netloom-cni reads, those of IPAM and of the plugins that make links. One list for both, since they
 * are one program: an argument for the one is not unknown to the other.
 */
export const KNOWN_ARGUMENTS = ['IP', 'GATEWAY', 'MAC'] as const;
