/** Counters of a link: struct rtnl_link_stats64 (linux/if_link.h). Packets, unless the name says bytes. */
import { u64 } from '../../netlink/codec.js';
import { struct } from '../../netlink/struct.js';

export const linkStatistics = struct(200, {
  rxPackets: [0, u64],
  txPackets: [8, u64],
  rxBytes: [16, u64],
  txBytes: [24, u64],
  rxErrors: [32, u64],
  txErrors: [40, u64],
  rxDropped: [48, u64],
  txDropped: [56, u64],
  multicast: [64, u64],
  collisions: [72, u64],
  rxLengthErrors: [80, u64],
  rxOverErrors: [88, u64],
  rxCrcErrors: [96, u64],
  rxFrameErrors: [104, u64],
  rxFifoErrors: [112, u64],
  rxMissedErrors: [120, u64],
  txAbortedErrors: [128, u64],
  txCarrierErrors: [136, u64],
  txFifoErrors: [144, u64],
  txHeartbeatErrors: [152, u64],
  txWindowErrors: [160, u64],
  rxCompressed: [168, u64],
  txCompressed: [176, u64],
  rxNohandler: [184, u64],
  rxOtherhostDropped: [192, u64],
});

export type LinkStatistics = Readonly<ReturnType<typeof linkStatistics.decode>>;
