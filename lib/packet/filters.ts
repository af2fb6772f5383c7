/** Programs that look at the frames of a TUN or TAP: which queue gets one, and whether the reader gets it at all. */
import type { TunCommand } from '../native/packet-binding.js';
import { checkInteger } from '../netlink/codec.js';
import { type CallOptions, call, type Operation } from '../operation.js';
import { type BpfInstruction, encodeProgram } from './bpf.js';
import { applyFilter, checkDriver, checkTap, control, type DeviceControl } from './controls.js';
import { addHint } from './open.js';

/** Takes the program away. */
const NO_PROGRAM = -1;

export const setSteering = call(
  'setSteering',
  {},
  (device: DeviceControl, programFd: number | null, _options: CallOptions = {}): Operation<void> =>
    setProgram(device, 'TUNSETSTEERINGEBPF', programFd),
);

export const setFilter = call(
  'setFilter',
  {},
  (device: DeviceControl, programFd: number | null, _options: CallOptions = {}): Operation<void> =>
    setProgram(device, 'TUNSETFILTEREBPF', programFd),
);

function* setProgram(device: DeviceControl, command: TunCommand, programFd: number | null): Operation<void> {
  if (programFd !== null) checkInteger(programFd, 0, 0x7fffffff, 'programFd');
  checkDriver(device, 'programs', 'tun');
  try {
    yield* control(device, command, programFd ?? NO_PROGRAM);
  } catch (error) {
    if (error instanceof Error && 'syscall' in error && error.syscall === command)
      addHint(error, 'programFd must be a loaded eBPF program of type BPF_PROG_TYPE_SOCKET_FILTER');
    throw error;
  }
}

export const attachFilter = call(
  'attachFilter',
  {},
  function* (
    device: DeviceControl,
    instructions: readonly BpfInstruction[] | null,
    _options: CallOptions = {},
  ): Operation<void> {
    const program = instructions === null ? undefined : encodeProgram(instructions, 'instructions');
    checkDriver(device, 'filter', 'tun');
    checkTap(device, 'instructions', instructions);
    if (program === undefined) yield* control(device, 'TUNDETACHFILTER', 0);
    else yield* applyFilter(device, true, program);
  },
);
