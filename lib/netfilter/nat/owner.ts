/** Who an element belongs to: an id of the caller's, which stands in its comment. Pure. */
import { invalidValue, wrongType } from '../../errors.js';
import { COMMENT_LIMIT } from '../nftables/comment.js';

export function checkOwner(owner: unknown): asserts owner is string {
  if (typeof owner !== 'string') throw wrongType('owner', 'a string', owner);
  if (owner === '') throw invalidValue('owner', owner, 'must not be empty');
  // `nft list ruleset` gives it back between quotes, on one line.
  if (/["\p{Cc}]/u.test(owner)) throw invalidValue('owner', owner, 'must not contain a quote or a control character');
  const size = Buffer.byteLength(owner);
  if (size > COMMENT_LIMIT) {
    throw invalidValue(
      'owner',
      owner,
      `is ${size} bytes; a comment holds ${COMMENT_LIMIT} (NFTNL_UDATA_COMMENT_MAXLEN)`,
    );
  }
}
