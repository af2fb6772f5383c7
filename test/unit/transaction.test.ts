/** Transactions: sent in one piece, and answered where they are refused. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { NetlinkSocket } from '../../lib/native/binding.js';
import { native } from '../../lib/native/load.js';
import { Batch } from '../../lib/netlink/batch.js';
import { ByteWriter } from '../../lib/netlink/bytes.js';
import type { Request } from '../../lib/netlink/message.js';
import { exchange, transaction } from '../../lib/netlink/request.js';
import { Sockets } from '../../lib/netlink/sockets.js';
import type { Netns } from '../../lib/netns/netns.js';
import { type CallOptions, call, type Operation, perform } from '../../lib/operation.js';
import { ack, bytesOf, Conversation, set } from './answers.js';

const silent = (name: string): Request => ({ ...set({ name }), silent: true });
const ACKED = 4;

describe('a request that is silent', () => {
  test('asks for no ack', () => {
    expect((bytesOf(silent('a'))[6] as number) & ACKED).toBe(0);
    expect((bytesOf(set({ name: 'a' }))[6] as number) & ACKED).toBe(ACKED);
  });
});

describe('a transaction', () => {
  const begun = (): { batch: Batch; codes: () => unknown } => {
    const batch = new Batch(1, 'lab', new ByteWriter(), true);
    const share = batch.add([silent('a'), set({ name: 'b' }), silent('c')], { done: () => undefined });
    return { batch, codes: () => share.replies.map(({ error }) => (error as { code?: string } | undefined)?.code) };
  };
  const hear = (batch: Batch, ...messages: number[][]): void => {
    const conversation = new Conversation();
    Object.assign(conversation, { batch });
    conversation.hear(...messages);
  };

  test('that is taken has its one ack, and the silent ones their end with it', () => {
    const { batch, codes } = begun();
    hear(batch, ack(2));
    expect(batch.open).toBe(2);
    batch.end(0);
    expect([batch.open, codes()]).toEqual([0, [undefined, undefined, undefined]]);
  });

  test('that is refused says which of them were', () => {
    const { batch, codes } = begun();
    hear(batch, ack(1, -17), ack(2, -2));
    batch.end(0);
    expect(codes()).toEqual(['EEXIST', 'ENOENT', undefined]);
  });

  test('that is refused as a whole leaves its ack out', () => {
    const { batch, codes } = begun();
    hear(batch, ack(1, -1));
    batch.end(0);
    expect(codes()).toEqual(['EPERM', 'ECANCELED', undefined]);
  });

  test('that was not exchanged fails with all it has', () => {
    const { batch, codes } = begun();
    batch.end(-105);
    expect(codes()).toEqual(['ENOBUFS', 'ENOBUFS', 'ENOBUFS']);
  });
});

describe('what travels', () => {
  afterEach(() => vi.restoreAllMocks());

  test('with a transaction is nothing else, before it and behind it', async () => {
    const sent: [names: string[], whole: boolean][] = [];
    const take = (send: Uint8Array | null, length: number, receive: Uint8Array, whole = false): number => {
      if (send === null) return 0;
      const view = new DataView(send.buffer, send.byteOffset);
      const names: string[] = [];
      const answers: number[] = [];
      for (let at = 0; at < length; at += view.getUint32(at, true)) {
        names.push(String.fromCharCode(send[at + 24] as number));
        if (((send[at + 6] as number) & ACKED) !== 0) answers.push(...ack(view.getUint32(at + 8, true)));
      }
      sent.push([names, whole]);
      receive.set(answers);
      return answers.length;
    };
    const socket: NetlinkSocket = {
      close: () => undefined,
      exchange: take,
      exchangeAsync: (...args) => Promise.resolve(take(...args)),
    };
    vi.spyOn(native, 'openNetlink').mockImplementation(() => socket);
    const netns = { sockets: new Sockets({ descriptor: () => 7, label: 'lab' }) } as unknown as Netns;
    const one = call('one', {}, function* (name: string, _options: CallOptions = {}): Operation<void> {
      yield* perform(exchange(netns, [set({ name })]));
    });
    const both = call('both', {}, function* (a: string, b: string, _options: CallOptions = {}): Operation<void> {
      yield* perform(transaction(netns, [silent(a), set({ name: b })]));
    });
    await Promise.all([one('a'), both('b', 'c'), both('d', 'e'), one('f'), one('g')]);
    both.sync('h', 'i');
    expect(sent).toEqual([
      [['a'], false],
      [['b', 'c'], true],
      [['d', 'e'], true],
      [['f', 'g'], false],
      [['h', 'i'], true],
    ]);
  });
});
