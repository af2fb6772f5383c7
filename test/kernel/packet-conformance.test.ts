/** The cases of test/packet-conformance.ts with the kernel between the queues. */
import { behavesAsQueues } from '../packet-conformance.ts';
import { expectNoLeaks } from './leaks.ts';
import { connectDevices, connectedProgram } from './packet-cable.ts';
import { program } from './packet-peers.ts';
import { describeKernel } from './privilege.ts';

for (const { kind, layer } of [
  { kind: 'Tap', layer: 2 },
  { kind: 'Tun', layer: 3 },
] as const) {
  describeKernel.needs('tun')(`the queues of a ${kind.toUpperCase()}`, () => {
    expectNoLeaks(async () => {
      await using _cable = await connectDevices(kind);
    });

    const open = connectedProgram(kind);
    behavesAsQueues({
      layer,
      connect: () => connectDevices(kind),
      run: async (source) => String((await program(open + source)).stdout),
    });
  });
}
