/**
 * A machine that containers are attached to, by either plugin: as a runtime calls them, one after the other where a
 * configuration is a chain. Beyond it is a world that knows no way to containers' addresses.
 */
import { type Netns, setSysctl } from 'netloom';
import { CniHost, type CniOutput } from '../kernel/cni.ts';
import { iproute } from '../kernel/ip.ts';
import type { Configuration } from './configurations.ts';

export const MAKERS = ['netloom', 'reference'] as const;
export type Maker = (typeof MAKERS)[number];

/** Where Debian has the reference plugins. */
const REFERENCE = '/usr/lib/cni';

/** What the world answers at. */
export const WORLD = '192.0.2.2';

export interface Outcome {
  readonly result: CniOutput | undefined;
  /** Undefined where it succeeded. */
  readonly error: CniOutput | undefined;
}

export class Machine implements AsyncDisposable {
  readonly host: CniHost;
  readonly container: Netns;

  private constructor(host: CniHost, container: Netns) {
    this.host = host;
    this.container = container;
  }

  static async create(): Promise<Machine> {
    const host = await CniHost.create();
    const container = await host.container('cni-c1');
    const world = await host.container('cni-world');
    // Duplicate address detection takes seconds, and finds nothing here.
    for (const netns of [host.netns, container, world])
      await setSysctl('net.ipv6.conf.default.dad_transmits', 0, { netns });
    for (const line of [
      'link set lo up',
      'link add up0 type veth peer name down0 netns cni-world',
      'link set up0 up',
      'address add 192.0.2.1/24 dev up0',
    ])
      iproute(host.netns, `ip ${line}`);
    for (const line of ['link set down0 up', `address add ${WORLD}/24 dev down0`]) iproute(world, `ip ${line}`);
    return new Machine(host, container);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.host.close();
  }

  /** The plugins of a configuration, in turn. */
  add(maker: Maker, configuration: Configuration): Outcome {
    let result: CniOutput | undefined;
    for (const plugin of configuration.plugins) {
      const { status, output } = this.#call(maker, 'ADD', configuration, plugin, result);
      if (status !== 0) return { result: undefined, error: output ?? { cniVersion: '', msg: 'nothing was said' } };
      result = output;
    }
    return { result, error: undefined };
  }

  /** In turn for CHECK, and the last first for DEL. */
  later(maker: Maker, command: 'CHECK' | 'DEL', configuration: Configuration, result?: CniOutput): CniOutput[] {
    const plugins = command === 'DEL' ? configuration.plugins.toReversed() : configuration.plugins;
    return plugins.flatMap((plugin) => {
      const { status, output } = this.#call(maker, command, configuration, plugin, result);
      return status === 0 ? [] : [output ?? { cniVersion: '', msg: 'nothing was said' }];
    });
  }

  #call(maker: Maker, command: string, configuration: Configuration, plugin: object, prevResult?: CniOutput) {
    const { cniVersion = '1.0.0', ifname, args } = configuration;
    const type = String((plugin as { readonly type?: unknown }).type);
    const config = { cniVersion, ...plugin, ...(prevResult && { prevResult }) };
    return this.host.call(command, config, {
      netns: this.container,
      ...(ifname !== undefined && { ifname }),
      ...(args !== undefined && { args }),
      ...(maker === 'reference' && {
        program: `${REFERENCE}/${type}`,
        path: REFERENCE,
        // It says what it does there.
        wrap: ['sh', '-c', 'exec "$@" 2>/dev/null', 'sh'],
      }),
    });
  }
}
