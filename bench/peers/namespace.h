/* Network namespaces: the private one every run happens in, and the ones a run makes. */
#ifndef PEER_NAMESPACE_H
#define PEER_NAMESPACE_H

#include <stdbool.h>

#include "netlink.h"

/* Moves the program to a network and a mount namespace of its own, with an empty /run of its own. When the program
 * ends, however it ends, the kernel takes down the mounts, the namespaces named by them and the links inside. */
void enter_sandbox(void);

/* A file descriptor of the namespace the thread is in. */
int current_namespace(void);

/* Makes a namespace, opens a socket inside it and returns to `home`. With a name it leaves /run/netns/NAME as
 * `ip netns add NAME` does; without one the namespace lives as long as the descriptor returned. */
int create_namespace(int home, const char *name, struct nl *inside);

void remove_named_namespace(const char *name);

#endif
