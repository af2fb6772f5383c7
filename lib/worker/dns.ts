/**
 * Names, looked up inside, in a Worker of `netnsWorker`. `dns.lookup` and `dns.lookupService` run getaddrinfo and
 * getnameinfo on libuv's threads, which are outside: here they do on threads of the Worker's own. `dns.resolve` and its
 * kin have sockets of the Worker's thread, but the servers of /etc/resolv.conf: here those of /etc/netns/NAME. node:net,
 * node:http and node:dgram call `dns.lookup` by its name when they need it, so that replacing it is enough.
 */
import dns from 'node:dns';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { getSystemErrorName, promisify } from 'node:util';
import { parseIp } from '../addressing/ip.js';
import { native } from '../native/load.js';

type Callback = (error: Error | null, ...results: unknown[]) => void;
type Lookup = typeof dns.lookup;
type LookupService = typeof dns.lookupService;

/** What Node's own promises are given as, by the names in its documentation. */
interface Found {
  readonly address: string;
  readonly family: number;
}

/** AF_UNSPEC, AF_INET and AF_INET6, by what `family` may be. */
const FAMILIES: Readonly<Record<string, number>> = { 0: 0, 4: 2, 6: 10, IPv4: 2, IPv6: 10 };

/** UV_EAI_NODATA and UV_EAI_NONAME, which Node calls ENOTFOUND. */
const NOT_FOUND = [-3007, -3008];

/** Replaces what node:dns does; `name` is that of the namespace. */
export function lookUpInside(name: string | undefined): void {
  const etc = name === undefined ? '' : `/etc/netns/${name}`;
  const shown = etc !== '' && existsSync(etc) ? (name as string) : '';
  const lookup = lookupOf(shown, dns.lookup);
  const lookupService = lookupServiceOf(shown, dns.lookupService);
  const promises = {
    lookup: lookup[promisify.custom],
    lookupService: lookupService[promisify.custom],
  };
  Object.assign(dns, { lookup, lookupService });
  Object.assign(dns.promises, promises);
  const servers = serversOf(`${etc}/resolv.conf`);
  if (shown !== '' && servers !== undefined) resolveBy(servers);
}

/** What a call of `dns.lookup` asks for, once Node has checked it. */
interface Question {
  readonly family: number;
  readonly hints: number;
  readonly all: boolean;
  readonly order: string;
}

function questionOf(options: unknown): Question {
  const given = typeof options === 'number' ? { family: options } : ((options ?? {}) as Partial<dns.LookupAllOptions>);
  const { family = 0, hints = 0, all = false, verbatim, order } = given as typeof given & { order?: string };
  const byVerbatim = verbatim == null ? dns.getDefaultResultOrder() : verbatim ? 'verbatim' : 'ipv4first';
  return { family: FAMILIES[family ?? 0] ?? 0, hints: hints ?? 0, all: all ?? false, order: order ?? byVerbatim };
}

function lookupOf(name: string, original: Lookup) {
  async function find(hostname: string, { family, hints, order }: Question): Promise<Found[]> {
    const ascii = /^[\0-\x7f]*$/.test(hostname) ? hostname : domainToASCII(hostname) || hostname;
    let addresses: string[];
    try {
      addresses = await native.lookUpAddressesAsync(name, ascii, family, hints);
    } catch (error) {
      throw told(error, hostname);
    }
    if (addresses.length === 0) throw failure(NOT_FOUND[0] as number, 'getaddrinfo', hostname);
    const found = addresses.map((address) => ({ address, family: isIP(address) }));
    if (order === 'verbatim') return found;
    const first = order === 'ipv6first' ? 6 : 4;
    return [...found.filter(({ family }) => family === first), ...found.filter(({ family }) => family !== first)];
  }

  const checked = original as (hostname: unknown, options: unknown, callback: unknown) => unknown;
  function lookup(hostname: string, options: unknown, callback?: unknown): unknown {
    const asked = typeof options === 'function' ? {} : options;
    const tell = (typeof options === 'function' ? options : callback) as Callback;
    if (typeof hostname !== 'string' || hostname === '' || isIP(hostname) !== 0 || typeof tell !== 'function')
      return checked(hostname, asked, tell);
    // Node checks the options, and looks nothing up, where it is given an address.
    checked('127.0.0.1', asked, () => undefined);
    const question = questionOf(asked);
    find(hostname, question).then(
      (found) => {
        const { address, family } = found[0] as Found;
        if (question.all) process.nextTick(tell, null, found);
        else process.nextTick(tell, null, address, family);
      },
      (error: Error) => process.nextTick(tell, error),
    );
    return {};
  }

  const promised = (hostname: string, options?: unknown): Promise<Found | Found[]> =>
    new Promise((resolve, reject) => {
      lookup(hostname, options ?? {}, (error: Error | null, address: string | Found[], family: number) => {
        if (error) reject(error);
        else resolve(Array.isArray(address) ? address : { address, family });
      });
    });
  return Object.assign(lookup, { [promisify.custom]: promised });
}

function lookupServiceOf(name: string, original: LookupService) {
  const find = async (address: string, port: number): Promise<[string, string]> => {
    try {
      return await native.lookUpServiceAsync(name, parseIp(address.replace(/%.*/, '')), port);
    } catch (error) {
      throw told(error, address);
    }
  };

  function lookupService(address: string, port: number, callback: Callback): unknown {
    // What Node would refuse, it does.
    const valid = isIP(address) !== 0 && Number.isInteger(+port) && port >= 0 && port <= 65535;
    if (!valid || typeof callback !== 'function') return original(address, port, callback as never);
    find(address, +port).then(
      (names) => process.nextTick(callback, null, ...names),
      (error: Error) => process.nextTick(callback, error),
    );
    return {};
  }

  const promised = (address: string, port: number): Promise<{ hostname: string; service: string }> =>
    new Promise((resolve, reject) => {
      lookupService(address, port, (error, hostname, service) => {
        if (error) reject(error);
        else resolve({ hostname: String(hostname), service: String(service) });
      });
    });
  return Object.assign(lookupService, { [promisify.custom]: promised });
}

/** The error in Node's words: `getaddrinfo ENOTFOUND example.org`. */
function told(error: unknown, hostname: string): unknown {
  const { errno, syscall } = error as NodeJS.ErrnoException;
  return errno === undefined || syscall === undefined ? error : failure(errno, syscall, hostname);
}

function failure(errno: number, syscall: string, hostname: string): Error {
  const code = NOT_FOUND.includes(errno) ? 'ENOTFOUND' : getSystemErrorName(errno);
  return Object.assign(new Error(`${syscall} ${code} ${hostname}`), { errno, code, syscall, hostname });
}

/** The servers of a resolv.conf: the machine itself if it names none (resolv.conf(5)); undefined if there is no such file. */
function serversOf(path: string): string[] | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  const named = [...text.matchAll(/^nameserver[ \t]+(\S+)/gm)].map(([, server]) => server as string);
  const servers = named.filter((server) => isIP(server) !== 0);
  return servers.length > 0 ? servers : ['127.0.0.1'];
}

/** `dns.resolve` and its kin ask these servers, and so does every `new dns.Resolver()`. */
function resolveBy(servers: readonly string[]): void {
  dns.setServers(servers);
  class Resolver extends dns.Resolver {
    constructor(options?: dns.ResolverOptions) {
      super(options);
      this.setServers(servers);
    }
  }
  class PromisesResolver extends dns.promises.Resolver {
    constructor(options?: dns.ResolverOptions) {
      super(options);
      this.setServers(servers);
    }
  }
  Object.defineProperty(PromisesResolver, 'name', { value: 'Resolver' });
  Object.assign(dns, { Resolver });
  Object.assign(dns.promises, { Resolver: PromisesResolver });
}
