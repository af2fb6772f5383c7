/** Which namespaces are mounted by name: reads /proc/self/mountinfo (proc(5)). Pure. */

interface Mount {
  readonly id: string;
  readonly parent: string;
  /** Number of the network namespace that it shows, if it is one. */
  readonly netns: number | undefined;
}

/** The names in `directory` (whose path has no symbolic links) that network namespaces are seen under, and their ids. */
export function mountedNames(mountinfo: string, directory: string): Map<string, number> {
  const at = new Map<string, Mount[]>();
  const inside = `${directory}/`;
  for (const line of mountinfo.split('\n')) {
    const [id = '', parent = '', , root = '', point = ''] = line.split(' ', 5);
    const path = unescaped(point);
    if (!path.startsWith(inside) && !isAbove(path, directory)) continue;
    const mounts = at.get(path) ?? [];
    mounts.push({ id, parent, netns: netnsOf(root, line) });
    at.set(path, mounts);
  }
  const directoryMount = mountOf(at, directory);
  const names = new Map<string, number>();
  for (const path of at.keys()) {
    const name = path.slice(inside.length);
    if (!path.startsWith(inside) || name.includes('/')) continue;
    const seen = onTop(at, path, directoryMount);
    if (seen !== directoryMount && seen?.netns !== undefined) names.set(name, seen.netns);
  }
  return names;
}

const isAbove = (path: string, directory: string): boolean =>
  path === '/' || path === directory || directory.startsWith(`${path}/`);

/** The field before ` - nsfs` is the root of the mount: `net:[4026532265]` for a network namespace. */
function netnsOf(root: string, line: string): number | undefined {
  const number = /^net:\[(\d+)\]$/.exec(root)?.[1];
  return number !== undefined && line.includes(' - nsfs ') ? Number(number) : undefined;
}

/** The mount that is seen at the directory: what is mounted on what is mounted on the root, step by step. */
function mountOf(at: ReadonlyMap<string, readonly Mount[]>, directory: string): Mount | undefined {
  const roots = at.get('/') ?? [];
  // Absent where the root is a directory inside a mount, by chroot: then there is no telling what covers what.
  let mount = roots.find(({ id, parent }) => parent === id || !roots.some((other) => other.id === parent));
  const parts = directory.split('/').slice(1);
  for (const path of ['/', ...parts.map((_, i) => `/${parts.slice(0, i + 1).join('/')}`)])
    mount = onTop(at, path, mount);
  return mount;
}

/** What is seen at a path: the mount there that stands on `mount`, and those on it in turn; else `mount` itself. */
function onTop(at: ReadonlyMap<string, readonly Mount[]>, path: string, mount: Mount | undefined): Mount | undefined {
  const there = at.get(path) ?? [];
  if (mount === undefined) return there.at(-1);
  let top = mount;
  for (;;) {
    const next = there.find(({ id, parent }) => parent === top.id && id !== parent);
    if (next === undefined) return top;
    top = next;
  }
}

// mangle() in fs/proc_namespace.c: spaces, tabs, ends of lines, backslashes and hashes.
const unescaped = (point: string): string =>
  point.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
