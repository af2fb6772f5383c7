import {
  addAddress,
  addRoute,
  createBridge,
  createNetns,
  createVeth,
  deleteLink,
  deleteRoute,
  listLinks,
  setLink,
  waitFor,
} from 'netloom';
import { expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { pause, withNetns } from './packet-peers.ts';
import { describeKernel } from './privilege.ts';

describeKernel('waitFor', () => {
  expectNoLeaks(async () => {
    await waitFor('lo', 'carrier', { timeout: 0 }).catch(() => undefined);
    await listLinks();
  });

  /** Whether a promise is still pending after a while. */
  const stillPending = async (promise: Promise<unknown>): Promise<boolean> => {
    let settled = false;
    promise.then(
      () => (settled = true),
      () => (settled = true),
    );
    await pause(50);
    return !settled;
  };

  test('a link comes up when both ends are', () =>
    withNetns(async (netns) => {
      const [a, b] = await createVeth({ name: 'a', netns, up: true, peer: { name: 'b' } });
      const up = waitFor(a, 'up');
      const carrier = waitFor('a', 'carrier', { netns });
      expect(await stillPending(up)).toBe(true);
      await setLink(b, { up: true });
      expect(await up).toMatchObject({ name: 'a', operState: 'up', carrier: true });
      expect((await carrier).index).toBe(a.index);
      // At once, where it is so already.
      expect((await waitFor(a.index, 'up', { netns })).name).toBe('a');
    }));

  test('a link that is named may come to be meanwhile', () =>
    withNetns(async (netns) => {
      const waiting = waitFor('late', 'up', { netns, timeout: 5000 });
      await pause(20);
      await createVeth({ name: 'late', netns, up: true, peer: { name: 'peer', up: true } });
      expect((await waiting).name).toBe('late');
    }));

  test('a bridge port forwards', () =>
    withNetns(async (netns) => {
      const br = await createBridge({ name: 'br', netns, up: true, forwardDelay: 2000, stp: true });
      const [port] = await createVeth({ name: 'port', netns, master: br, up: true, peer: { name: 'p', up: true } });
      const states: (string | undefined)[] = [port.bridgePort?.state];
      const forwarding = await waitFor(port, 'forwarding', { timeout: 10_000 });
      states.push(forwarding.bridgePort?.state);
      expect(states[0]).not.toBe('forwarding');
      expect(states[1]).toBe('forwarding');
    }));

  test('addresses are settled when duplicate address detection is over, well or not', () =>
    withNetns(async (netns) => {
      const [a, b] = await createVeth({ name: 'a', netns, peer: { name: 'b' } });
      for (const link of [a, b]) await setLink(link, { addrGenMode: 'none' });
      await addAddress(b, { address: '2001:db8::7/64', flags: ['nodad'] });
      for (const link of [a, b]) await setLink(link, { up: true });
      await addAddress(a, '2001:db8::1/64');
      await addAddress(a, '10.0.0.1/24');
      const settled = await waitFor(a, 'addresses', { timeout: 10_000 });
      expect(settled.map(({ address, flags }) => [address, flags.includes('tentative')]).sort()).toEqual([
        ['10.0.0.1', false],
        ['2001:db8::1', false],
      ]);
    }));

  test('a route is there', () =>
    withNetns(async (netns) => {
      const [a] = await createVeth({ name: 'a', netns, up: true, peer: { name: 'b', up: true } });
      await addAddress(a, '10.0.0.1/24');
      const route = waitFor(a, { route: '10.9.0.0/16' });
      expect(await stillPending(route)).toBe(true);
      await addRoute({ to: '10.9.0.0/16', via: '10.0.0.2', link: a });
      expect(await route).toMatchObject({ to: '10.9.0.0/16', via: '10.0.0.2', link: a.index });
      await deleteRoute({ to: '10.9.0.0/16', link: a });
    }));

  test('a link is gone; one that is gone does not come up', () =>
    withNetns(async (netns) => {
      const [a, b] = await createVeth({ name: 'a', netns, peer: { name: 'b' } });
      const gone = waitFor(b, 'gone');
      const never = expect(waitFor(a, 'up')).rejects.toMatchObject({ code: 'ENODEV' });
      expect(await stillPending(gone)).toBe(true);
      await deleteLink(a);
      expect(await gone).toBeUndefined();
      await never;
      expect(await waitFor('a', 'gone', { netns })).toBeUndefined();
    }));

  test('a wait ends by its timeout and by its signal', () =>
    withNetns(async (netns) => {
      const [a] = await createVeth({ name: 'a', netns, peer: { name: 'b' } });
      const before = performance.now();
      await expect(waitFor(a, 'up', { timeout: 60 })).rejects.toMatchObject({
        code: 'ETIMEDOUT',
        message: "waitFor: ETIMEDOUT: timed out, waitFor 'a': not up after 60 ms",
      });
      await expect(waitFor('nope', 'up', { netns, timeout: 60 })).rejects.toMatchObject({
        code: 'ETIMEDOUT',
        message: "waitFor: ETIMEDOUT: timed out, waitFor 'nope': there is no such link after 60 ms",
      });
      expect(performance.now() - before).toBeGreaterThan(55);
      const aborting = new AbortController();
      const aborted = expect(waitFor(a, 'up', { signal: aborting.signal })).rejects.toMatchObject({
        name: 'AbortError',
      });
      await pause(10);
      aborting.abort();
      await aborted;
      const atOnce = new AbortController();
      const opening = expect(waitFor(a, 'up', { signal: atOnce.signal })).rejects.toMatchObject({ name: 'AbortError' });
      atOnce.abort();
      await opening;
      const other = await createNetns();
      const closed = expect(waitFor('late', 'up', { netns: other })).rejects.toMatchObject({
        code: 'ERR_INVALID_STATE',
      });
      await pause(10);
      other.close();
      await closed;
      await expect(waitFor(a, 'up', { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
    }));

  test.each<[condition: unknown, options: object, code: string, message: RegExp]>([
    ['ready', {}, 'ERR_INVALID_ARG_VALUE', /condition "ready" is none of up, carrier/],
    [7, {}, 'ERR_INVALID_ARG_TYPE', /condition must be one of/],
    [{ route: 7 }, {}, 'ERR_INVALID_ARG_TYPE', /condition.route must be a string/],
    [{ route: '10.0.0.0/33' }, {}, 'ERR_INVALID_ARG_VALUE', /10.0.0.0\/33/],
    ['up', { timeout: -1 }, 'ERR_OUT_OF_RANGE', /timeout -1/],
    ['up', { timeOut: 1 }, 'ERR_INVALID_ARG_VALUE', /timeOut/],
  ])('%j with %j is refused', async (condition, options, code, message) => {
    await expect(waitFor('lo', condition as 'up', options)).rejects.toMatchObject({
      code: code === 'ERR_INVALID_ARG_VALUE' ? expect.stringMatching(/ERR_(INVALID_ARG_VALUE|OUT_OF_RANGE)/) : code,
      message: expect.stringMatching(message),
    });
  });
});
