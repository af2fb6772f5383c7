/**
 * Errors and extended acks: what NLMSG_ERROR and NLMSG_DONE say about a request. Pure.
 * Layout: Documentation/userspace-api/netlink/intro.rst and linux/netlink.h, enum nlmsgerr_attrs.
 */
import { NetlinkError } from '../errors.js';
import { attributes } from './attributes.js';
import { align4, ByteReader, LITTLE_ENDIAN } from './bytes.js';
import { bytes as raw, text, u32, u64 } from './codec.js';
import { attributesStart, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSG_ERROR, NLMSG_HEADER, type Request } from './message.js';

const policyAttributes = attributes(() => ({
  type: [1, 'NL_POLICY_TYPE_ATTR_TYPE', u32],
  minSigned: [2, 'NL_POLICY_TYPE_ATTR_MIN_VALUE_S', u64],
  maxSigned: [3, 'NL_POLICY_TYPE_ATTR_MAX_VALUE_S', u64],
  min: [4, 'NL_POLICY_TYPE_ATTR_MIN_VALUE_U', u64],
  max: [5, 'NL_POLICY_TYPE_ATTR_MAX_VALUE_U', u64],
  minLength: [6, 'NL_POLICY_TYPE_ATTR_MIN_LENGTH', u32],
  maxLength: [7, 'NL_POLICY_TYPE_ATTR_MAX_LENGTH', u32],
}));

export const extackAttributes = attributes(() => ({
  message: [1, 'NLMSGERR_ATTR_MSG', text(8192, 'an attribute')],
  offset: [2, 'NLMSGERR_ATTR_OFFS', u32],
  cookie: [3, 'NLMSGERR_ATTR_COOKIE', raw],
  policy: [4, 'NLMSGERR_ATTR_POLICY', policyAttributes],
  missingType: [5, 'NLMSGERR_ATTR_MISS_TYPE', u32],
  missingNest: [6, 'NLMSGERR_ATTR_MISS_NEST', u32],
}));

export interface Verdict {
  /** 0, or a negative errno. */
  readonly errno: number;
  readonly message?: string | undefined;
  /** Where in the request, from its nlmsghdr on, the offending attribute stands. */
  readonly offset?: number | undefined;
  readonly missingType?: number | undefined;
  readonly missingNest?: number | undefined;
  readonly limits?: string | undefined;
}

const ACCEPTED: Verdict = { errno: 0 };

/** Reads the end of a request: an NLMSG_ERROR (0 is an ack) or an NLMSG_DONE, whose header is at `at`. */
export function readVerdict(input: ByteReader, at: number, end: number): Verdict {
  const payload = at + NLMSG_HEADER;
  const errno = payload + 4 <= end ? input.view.getInt32(payload, LITTLE_ENDIAN) : 0;
  if (errno === 0) return ACCEPTED;
  const type = input.view.getUint16(at + 4, LITTLE_ENDIAN);
  const flags = input.view.getUint16(at + 6, LITTLE_ENDIAN);
  if ((flags & NLM_F_ACK_TLVS) === 0) return { errno };
  let start = payload + 4;
  if (type === NLMSG_ERROR) {
    // The request's header is always echoed, the rest of it unless the ack is capped.
    const echoed = start + 4 <= end ? input.view.getUint32(start, LITTLE_ENDIAN) : 0;
    // A length past the end would wrap when it is aligned.
    start += (flags & NLM_F_CAPPED) === 0 ? align4(Math.max(Math.min(echoed, end), NLMSG_HEADER)) : NLMSG_HEADER;
  }
  if (start > end) return { errno };
  const { message, offset, missingType, missingNest, policy } = extackAttributes.decode(input, start, end);
  return { errno, message, offset, missingType, missingNest, limits: policy && limitsOf(policy) };
}

function limitsOf(policy: ReturnType<typeof policyAttributes.decode>): string | undefined {
  const { min, max, minSigned, maxSigned, minLength, maxLength } = policy;
  if (max !== undefined) return `allowed: ${min ?? 0n} to ${max}`;
  if (maxSigned !== undefined && minSigned !== undefined) {
    return `allowed: ${BigInt.asIntN(64, minSigned)} to ${BigInt.asIntN(64, maxSigned)}`;
  }
  if (maxLength !== undefined && maxLength > 0) return `allowed: at most ${maxLength} bytes`;
  if (minLength !== undefined && minLength > 0) return `needed: at least ${minLength} bytes`;
  return undefined;
}

/** A request as it was sent: its bytes stand from `start` to `end`. */
export interface Sent {
  readonly request: Request<unknown>;
  readonly start: number;
  readonly end: number;
}

/** The error for a refused request, one of those in `bytes`, sent to the namespace that is called `netns`. */
export function errorFor(
  { request, start, end }: Sent,
  verdict: Verdict,
  bytes: Uint8Array,
  netns?: string,
): NetlinkError {
  const input = new ByteReader(bytes);
  const first = attributesStart(request.family, start + NLMSG_HEADER);
  const table = request.family.attributes;
  let attribute: string | undefined;
  let kernelMessage = verdict.message;
  if (verdict.missingType !== undefined) {
    const nest = verdict.missingNest === undefined ? undefined : start + verdict.missingNest;
    attribute = table.missing(input, first, end, verdict.missingType, nest);
    kernelMessage ??= 'a required attribute is missing';
  } else if (verdict.offset !== undefined) {
    attribute = table.path(input, first, end, start + verdict.offset);
  }
  if (verdict.limits !== undefined) kernelMessage = `${kernelMessage ?? 'bad attribute'}; ${verdict.limits}`;
  const { errno } = verdict;
  return new NetlinkError({ ...request.context, netns, errno, syscall: request.name, kernelMessage, attribute });
}
