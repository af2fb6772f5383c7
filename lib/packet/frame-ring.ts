/** Frames on their way through memory, in order, up to a number. */
export class FrameRing {
  readonly #frames: (Uint8Array | undefined)[];
  #first = 0;
  #size = 0;

  constructor(capacity: number) {
    this.#frames = new Array<Uint8Array | undefined>(capacity).fill(undefined);
  }

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  get isFull(): boolean {
    return this.#size === this.#frames.length;
  }

  /** There must be room. */
  push(frame: Uint8Array): void {
    this.#frames[(this.#first + this.#size) % this.#frames.length] = frame;
    this.#size++;
  }

  shift(): Uint8Array | undefined {
    const frame = this.#frames[this.#first];
    if (frame === undefined) return undefined;
    this.#frames[this.#first] = undefined;
    this.#first = (this.#first + 1) % this.#frames.length;
    this.#size--;
    return frame;
  }

  clear(): void {
    this.#frames.fill(undefined);
    this.#size = 0;
  }
}
