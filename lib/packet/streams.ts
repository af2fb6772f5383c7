/**
 * A queue as streams: Node's Duplex, and those of the web. One frame is one chunk, in both directions. Node's modules are
 * loaded where they are used: few queues become streams, and a CNI plugin that makes a TAP is waited for.
 */
import type { Duplex, DuplexOptions } from 'node:stream';
import type { ReadableStream, WritableStream } from 'node:stream/web';

/** What the streams need of a queue. */
export interface FrameDuplex extends AsyncIterable<Uint8Array> {
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined>;
  write(frame: Uint8Array): number;
  drained(): Promise<void>;
  close(): Promise<void>;
}

/** Frames that wait in the stream; more wait in the kernel, which drops what does not fit there. */
const HIGH_WATER_MARK = 64;

export function duplexOver(queue: FrameDuplex, options: DuplexOptions = {}): Duplex {
  const frames = queue[Symbol.asyncIterator]();
  const stream = process.getBuiltinModule('node:stream');
  return new stream.Duplex({
    readableHighWaterMark: HIGH_WATER_MARK,
    writableHighWaterMark: HIGH_WATER_MARK,
    ...options,
    objectMode: true,
    read() {
      frames.next().then(
        ({ value }) => {
          // Destroying ends the read that waits, and is no end of the frames: nobody is to hear 'end'.
          if (!this.destroyed) this.push(value ?? null);
        },
        (error: Error) => this.destroy(error),
      );
    },
    write(frame: Uint8Array, _encoding, callback) {
      writeWhenPossible(queue, frame).then(() => callback(), callback);
    },
    destroy(error, callback) {
      queue.close().then(
        () => callback(error),
        (closing: Error) => callback(error ?? closing),
      );
    },
  });
}

/** `left` is called when the stream was cancelled, or failed: then the queue may have another. */
export function readableOver(queue: FrameDuplex, left: () => void): ReadableStream<Uint8Array> {
  const frames = queue[Symbol.asyncIterator]();
  const web = process.getBuiltinModule('node:stream/web');
  return new web.ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { value } = await orLeft(frames.next(), left);
        if (value === undefined) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        left();
        await frames.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

/** `left` is called when the stream was closed or aborted, or failed: then the queue may have another. */
export function writableOver(queue: FrameDuplex, left: () => void): WritableStream<Uint8Array> {
  const web = process.getBuiltinModule('node:stream/web');
  return new web.WritableStream<Uint8Array>({
    // The types of Node do not know the signal, which all of its versions here have.
    write: (frame, controller) =>
      orLeft(writeWhenPossible(queue, frame, (controller as { signal?: AbortSignal }).signal), left),
    close: left,
    abort: left,
  });
}

// An error ends a stream of the web for good, though the queue may go on: a link that was down comes up again.
async function orLeft<T>(step: Promise<T>, left: () => void): Promise<T> {
  try {
    return await step;
  } catch (error) {
    left();
    throw error;
  }
}

async function writeWhenPossible(queue: FrameDuplex, frame: Uint8Array, signal?: AbortSignal): Promise<void> {
  for (let tries = 0; queue.write(frame) === 0; tries++) {
    // Nobody tells when there is room in a queue behind the socket, a qdisc say: `drained` resolves at once then.
    if (tries > 0) await process.getBuiltinModule('node:timers/promises').setTimeout(1, undefined, { signal });
    await (signal ? roomUnlessAborted(queue, signal) : queue.drained());
  }
}

// Whoever aborts is answered when the write that is under way has ended, and there may be no room for ever.
async function roomUnlessAborted(queue: FrameDuplex, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  let abort = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort);
  });
  try {
    await Promise.race([queue.drained(), aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
