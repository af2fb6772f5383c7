/**
 * The exchange of one ping: sends its requests at their times, matches what comes back, and gives up what is
 * late. It owns the socket, and closes it however it ends.
 */
import { AsyncResource } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { constants } from 'node:os';
import { AF_INET } from '../addressing/ip.js';
import { describeErrno } from '../errors.js';
import type { PingSocket } from '../native/binding.js';
import { abortError } from '../operation.js';
import { carriesCookie, echoTypes, encodeEchoRequest, ICMP_HEADER, ipv4Payload, parseEcho } from './icmp.js';
import { returnIdentifier, takeIdentifier } from './identifier.js';
import type { PingReply, Plan } from './plan.js';
import { RECEIVE_HEADER, type Received, readReceived } from './received.js';

const LARGEST_IPV4_HEADER = 60;
/** Tells our requests from those of others that have chosen the same identifier. */
const COOKIE_SIZE = 16;
/** Packets to take in one go among those that came in meanwhile; what is left calls again. */
const MOST_LATE = 256;

const { EAGAIN, EBADF, EPERM, EACCES } = constants.errno;

/** A request that waits for its answer. */
interface Probe {
  readonly sequence: number;
  /** CLOCK_MONOTONIC, in nanoseconds. */
  readonly sent: number;
  readonly timer: NodeJS.Timeout;
}

/** Opens a socket that calls `readable` when there is something to receive. */
export type OpenSocket = (readable: () => void) => Promise<PingSocket>;

/** Resolves with one entry for each request, in their order. */
export async function converse(plan: Plan, open: OpenSocket): Promise<PingReply[]> {
  let receive = (): void => undefined;
  // Bound, so that onReply runs in the asynchronous context of the caller.
  const socket = await open(AsyncResource.bind(() => receive())).catch((error: unknown) => {
    throw explainRefusal(error);
  });
  return await new Promise((resolve, reject) => {
    const { family, count, interval, timeout, signal, onReply } = plan;
    const types = echoTypes(family);
    const identifier = takeIdentifier();
    const cookie = randomBytes(Math.min(COOKIE_SIZE, plan.size));
    const data = Uint8Array.from({ length: plan.size }, (_, i) => cookie[i] ?? i & 255);
    const buffer = new Uint8Array(RECEIVE_HEADER + LARGEST_IPV4_HEADER + ICMP_HEADER + plan.size);
    const waiting = new Map<number, Probe>();
    const replies: PingReply[] = [];
    let sequence = 0;
    let settled = 0;
    let over = false;
    let next: NodeJS.Timeout | undefined;

    const finish = (tell: () => void): void => {
      if (over) return;
      over = true;
      signal?.removeEventListener('abort', onAbort);
      clearTimeout(next);
      for (const { timer } of waiting.values()) clearTimeout(timer);
      socket.close();
      returnIdentifier(identifier);
      tell();
    };
    const onAbort = (): void => finish(() => reject(abortError(signal as AbortSignal)));

    const settle = (reply: PingReply): void => {
      replies[reply.sequence - 1] = reply;
      settled++;
      try {
        onReply?.(reply);
      } catch (error) {
        finish(() => reject(error));
      }
      if (settled === count) finish(() => resolve(replies));
    };

    const transmit = (): void => {
      const request = encodeEchoRequest(family, identifier, ++sequence, data);
      const current = sequence;
      let sent = socket.send(request);
      if (sent < 0) {
        // An ICMP error about an earlier request is told by whatever call comes next: take it, and try again.
        receive();
        if (over) return;
        sent = socket.send(request);
      }
      if (current < count) next = setTimeout(transmit, interval);
      if (sent < 0) {
        settle({ sequence: current, error: describeErrno(sent)[0] });
      } else {
        waiting.set(current, { sequence: current, sent, timer: setTimeout(expire, timeout, current) });
      }
    };

    const expire = (which: number): void => {
      // Timers come before sockets: after a long turn of the event loop the answer may be there already, behind any
      // number of others.
      receive();
      if (!over && waiting.delete(which)) settle({ sequence: which, error: 'ETIMEDOUT' });
    };

    // The request that the received packet answers, or that the error is about.
    const take = ({ error }: Received, end: number): Probe | undefined => {
      const withHeader = socket.raw && family === AF_INET && !error;
      const start = withHeader ? ipv4Payload(buffer, RECEIVE_HEADER, end) : RECEIVE_HEADER;
      const echo = start === undefined ? undefined : parseEcho(buffer, start, end);
      if (!echo || echo.type !== (error ? types.request : types.reply)) return undefined;
      // Without a raw socket the kernel chooses the identifier, and looks after it.
      if (socket.raw && echo.identifier !== identifier) return undefined;
      // A reply carries all of the data; an error quotes as much as its sender likes.
      if (!error && end - echo.data !== plan.size) return undefined;
      if (!carriesCookie(buffer, echo.data, end, cookie)) return undefined;
      const probe = waiting.get(echo.sequence);
      if (!probe) return undefined;
      waiting.delete(echo.sequence);
      clearTimeout(probe.timer);
      return probe;
    };

    // Takes all that was there when it was called, however much, but does not follow a flood without end.
    receive = () => {
      const called = Number(process.hrtime.bigint());
      for (let late = 0; late < MOST_LATE && !over; ) {
        const size = socket.receive(buffer);
        if (size === -EAGAIN || size === -EBADF) return;
        // Any other errno is the shadow of an entry of the error queue, which is read by itself.
        if (size < 0) {
          late++;
          continue;
        }
        const received = readReceived(buffer);
        if (received.time > called) late++;
        const { error } = received;
        // What this machine found wrong while sending, `send` has returned.
        if (error && !error.icmp) continue;
        const probe = take(received, RECEIVE_HEADER + size);
        if (!probe) continue;
        if (error) {
          const { errno, ...source } = error;
          settle({ sequence: probe.sequence, error: describeErrno(errno)[0], ...source });
        } else {
          const { time, ttl } = received;
          settle({
            sequence: probe.sequence,
            time: Math.max(0, time - probe.sent) / 1e6,
            ...(ttl !== undefined && { ttl }),
            bytes: ICMP_HEADER + plan.size,
          });
        }
      }
    };

    if (signal?.aborted) {
      onAbort();
      return;
    }
    signal?.addEventListener('abort', onAbort, { once: true });
    transmit();
  });
}

function explainRefusal(error: unknown): unknown {
  if (!(error instanceof Error) || !('errno' in error) || !('syscall' in error)) return error;
  if (error.syscall === 'socket' && (error.errno === -EPERM || error.errno === -EACCES)) {
    error.message += "; ping needs CAP_NET_RAW, or a group within the namespace's sysctl net.ipv4.ping_group_range";
  }
  return error;
}
