/** What TypeScript takes for masquerades, port mappings and tracked connections, and what it refuses. */
import {
  addMasquerade,
  addPortMapping,
  type ConntrackEntry,
  type ConntrackState,
  deleteConntrack,
  deleteMasquerade,
  deletePortMappings,
  listConntrack,
  listMasquerades,
  listPortMappings,
  type MappedPort,
  type Masquerade,
  type Netns,
} from 'netloom';
import * as sync from 'netloom/sync';
import { describe, expectTypeOf, test } from 'vitest';

declare const netns: Netns;

describe('masquerades', () => {
  test('have an owner, sources and exceptions', () => {
    expectTypeOf(addMasquerade({ owner: 'a', sources: ['10.1.0.5'], netns })).resolves.toEqualTypeOf<void>();
    addMasquerade({ owner: 'a', sources: ['10.1.0.5'], except: ['10.1.0.0/16'] }, { netns });
    expectTypeOf(sync.listMasquerades({ netns, owner: 'a' })).toEqualTypeOf<Masquerade[]>();
    expectTypeOf(listMasquerades()).resolves.toEqualTypeOf<Masquerade[]>();
    deleteMasquerade({ owner: 'a', netns });
    // @ts-expect-error whose?
    addMasquerade({ sources: ['10.1.0.5'] });
    // @ts-expect-error one is a list, too
    addMasquerade({ owner: 'a', sources: '10.1.0.5' });
    // @ts-expect-error the owner is a field
    deleteMasquerade('a');
  });
});

describe('port mappings', () => {
  test('have an owner, ports and a container', () => {
    const mappings = [{ hostPort: 8080, containerPort: 80, protocol: 'udp', hostAddress: '192.0.2.1' }] as const;
    addPortMapping({ owner: 'a', mappings, to: '10.1.0.5' });
    addPortMapping({ owner: 'a', mappings, to: ['10.1.0.5/24', 'fd00::5'], snat: false, netns });
    expectTypeOf(listPortMappings({ netns })).resolves.toEqualTypeOf<MappedPort[]>();
    deletePortMappings({ owner: 'a' }, { netns });
    // @ts-expect-error where to?
    addPortMapping({ owner: 'a', mappings });
    // @ts-expect-error no ports
    addPortMapping({ owner: 'a', mappings: [{ hostPort: 8080 }], to: '10.1.0.5' });
    // @ts-expect-error has no ports
    addPortMapping({ owner: 'a', mappings: [{ hostPort: 1, containerPort: 1, protocol: 'icmp' }], to: '10.1.0.5' });
  });
});

describe('tracked connections', () => {
  test('are found and forgotten by what is said of them', () => {
    expectTypeOf(listConntrack({ protocol: 'tcp', netns })).resolves.toEqualTypeOf<ConntrackEntry[]>();
    expectTypeOf<ConntrackEntry['state']>().toEqualTypeOf<ConntrackState | undefined>();
    expectTypeOf<ConntrackEntry['original']['bytes']>().toEqualTypeOf<bigint | undefined>();
    expectTypeOf(deleteConntrack({ address: '10.1.0.5' })).resolves.toEqualTypeOf<number>();
    expectTypeOf(sync.deleteConntrack({ port: 53, protocol: 'udp' }, { netns })).toEqualTypeOf<number>();
    // @ts-expect-error all of them is too many
    deleteConntrack({ protocol: 'udp' });
    // @ts-expect-error by name or by number
    listConntrack({ protocol: 'UDP' });
  });
});
