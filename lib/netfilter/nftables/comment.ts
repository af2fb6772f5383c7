/** The comment of a rule or an element, where nft keeps it: user data of a type, a length and a text (libnftnl/udata.h). Pure. */
import { type Codec, text } from '../../netlink/codec.js';

/** NFTNL_UDATA_RULE_COMMENT and NFTNL_UDATA_SET_ELEM_COMMENT. */
const COMMENT = 0;
/** What nft reads and writes (NFTNL_UDATA_COMMENT_MAXLEN). */
export const COMMENT_LIMIT = 127;

const words = text(COMMENT_LIMIT, 'NFTNL_UDATA_COMMENT_MAXLEN');

/** '' where there is none. */
export const comment: Codec<string> = {
  minimum: 0,
  encode(out, value, field) {
    const at = out.reserve(2);
    words.encode(out, value, field);
    out.view.setUint8(at, COMMENT);
    out.view.setUint8(at + 1, out.length - at - 2);
  },
  decode(input, start, end) {
    for (let at = start; at + 2 <= end; ) {
      const type = input.bytes[at] as number;
      const next = at + 2 + (input.bytes[at + 1] as number);
      if (next > end) break;
      if (type === COMMENT) return input.text(at + 2, next);
      at = next;
    }
    return '';
  },
};
