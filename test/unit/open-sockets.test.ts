/** Which sockets are closed when, told by sockets that only say whether they are busy. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type OpenSocket, OpenSockets } from '../../lib/netlink/open-sockets.js';

let sockets: OpenSockets;
let closed: string[];
beforeEach(() => {
  vi.useFakeTimers();
  sockets = new OpenSockets(3, 2);
  closed = [];
});
afterEach(() => {
  vi.useRealTimers();
});

interface Fake extends OpenSocket {
  isBusy: boolean;
  use(): void;
}

function open(name: string): Fake {
  sockets.makeRoom();
  const socket: Fake = {
    isBusy: false,
    lastUse: sockets.use(),
    busy: () => socket.isBusy,
    close: () => void closed.push(name),
    use: () => {
      socket.lastUse = sockets.use();
    },
  };
  sockets.add(socket);
  return socket;
}

describe('a socket', () => {
  test('stays open while it is used now and then, and is closed some seconds after that', () => {
    const one = open('a');
    for (let i = 0; i < 10; i++) {
      vi.advanceTimersByTime(4_000);
      one.use();
    }
    expect(closed).toEqual([]);
    vi.advanceTimersByTime(10_000);
    expect(closed).toEqual(['a']);
    expect(sockets.size).toBe(0);
  });

  test('stays open for a whole interval after its last use', () => {
    open('a');
    vi.advanceTimersByTime(4_999);
    open('b');
    vi.advanceTimersByTime(4_999);
    expect(closed).toEqual([]);
    vi.advanceTimersByTime(2);
    expect(closed).toEqual(['a', 'b']);
  });

  test('is not closed while something is under way on it', () => {
    const one = open('a');
    one.isBusy = true;
    vi.advanceTimersByTime(60_000);
    expect(closed).toEqual([]);
    one.isBusy = false;
    vi.advanceTimersByTime(5_000);
    expect(closed).toEqual(['a']);
  });

  test('that its owner has closed is not closed once more', () => {
    sockets.remove(open('a'));
    vi.advanceTimersByTime(60_000);
    expect(closed).toEqual([]);
  });

  test('leaves no timer behind when it was the last', () => {
    open('a');
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(10_000);
    expect(vi.getTimerCount()).toBe(0);
    open('b');
    expect(vi.getTimerCount()).toBe(1);
  });
});

describe('where as many are open as may be', () => {
  test('the one that was not used for longest is closed', () => {
    const [a] = [open('a'), open('b'), open('c')];
    a?.use();
    open('d');
    open('e');
    expect(closed).toEqual(['b', 'c']);
    expect(sockets.size).toBe(3);
  });

  test('one that is busy is passed over', () => {
    const [a] = [open('a'), open('b'), open('c')];
    if (a) a.isBusy = true;
    open('d');
    expect(closed).toEqual(['b']);
  });
});

describe('what begins', () => {
  test('waits while as many are under way as may be, and begins in its order', () => {
    const begun: string[] = [];
    const begin = (name: string) => sockets.enter(() => void begun.push(name));
    expect([begin('a'), begin('b'), begin('c'), begin('d')]).toEqual([true, true, false, false]);
    expect(begun).toEqual([]);
    sockets.leave();
    expect(begun).toEqual(['c']);
    sockets.leave();
    expect(begun).toEqual(['c', 'd']);
    sockets.leave();
    sockets.leave();
    expect([begin('e'), begin('f'), begin('g')]).toEqual([true, true, false]);
  });
});
