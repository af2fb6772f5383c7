/* What makes the traffic for the rows of packet devices, and measures it: the same program for every peer. It runs in
 * the namespaces of the peer that starts it. */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include <netinet/in.h>
#include <stdint.h>

typedef int command(char **arguments);

/* ping.c: ADDRESS COUNT GAP: round trips of a UDP datagram, the next one GAP microseconds after the answer. Prints
 * the percentiles. */
command run_ping;
/* ping.c: LINK COUNT GAP: the same with Ethernet frames of type 0x88b5, which come back as they are. */
command run_frames;
/* fill.c: ADDRESS COUNT SIZE: COUNT packets of SIZE bytes in all, at once. */
command run_fill;
/* stream.c: ADDRESS MILLISECONDS: one TCP stream from namespace `a` to ADDRESS in namespace `b`. Prints the bytes that
 * came. */
command run_tcp;
/* flood.c: ADDRESS MILLISECONDS: packets of 64 bytes from namespace `a`, as many as it can send, to ADDRESS in
 * namespace `b`. Prints how many came. */
command run_udp;

enum { PORT = 9000 };

/* Ends the program, with errno. */
_Noreturn void die(const char *what);
uint64_t monotonic(void);
struct sockaddr_in address_of(const char *text);
void enter(const char *netns);
void sleep_us(unsigned microseconds);

#endif
