// The Go peer: `netlink_go ROW N [--unnamed] [--witness COMMAND]`, one JSON line on standard output.
//
// It calls vishvananda/netlink the way its users do. Where the package offers a Handle, which keeps its socket
// open, a Handle is used: the package-level functions open a socket for every call.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

type run struct {
	n       int
	unnamed bool
	handle  *netlink.Handle
	started time.Time
	elapsed time.Duration
	count   int
}

func (r *run) startClock() { r.started = time.Now() }
func (r *run) stopClock()  { r.elapsed = time.Since(r.started) }

var rows = map[string]func(*run) error{
	"bringup":             bringup,
	"updown":              updown,
	"teardown-one-by-one": teardownOneByOne,
	"getlink":             getlink,
	"dumplinks":           dumplinks,
	"delete-single":       deleteSingle,
	"addroutes-single":    addroutesSingle,
	"dumproutes":          dumproutes,
}

var unsupported = map[string]string{
	"teardown":      "no request to delete a group of links; see teardown-one-by-one",
	"teardown-veth": "no request to delete a group of links; see delete-single",
	"spawn":         "it starts no programs",
	"addroutes":     "no batches, RouteAdd waits for its ack; see addroutes-single",
}

func main() {
	if err := start(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "netlink_go:", err)
		os.Exit(1)
	}
}

func start(args []string) error {
	r := &run{}
	var witness string
	if len(args) < 2 {
		return fmt.Errorf("usage: netlink_go ROW N [--unnamed] [--witness COMMAND]")
	}
	row := args[0]
	n, err := strconv.Atoi(args[1])
	if err != nil || n < 0 {
		return fmt.Errorf("N is %q, not a count", args[1])
	}
	r.n = n
	for i := 2; i < len(args); i++ {
		switch {
		case args[i] == "--unnamed":
			r.unnamed = true
		case args[i] == "--witness" && i+1 < len(args):
			i++
			witness = args[i]
		default:
			return fmt.Errorf("unknown option %q", args[i])
		}
	}

	if reason, found := unsupported[row]; found {
		return json.NewEncoder(os.Stdout).Encode(struct {
			Peer        string `json:"peer"`
			Row         string `json:"row"`
			Unsupported string `json:"unsupported"`
		}{"go", row, reason})
	}
	measure, found := rows[row]
	if !found {
		return fmt.Errorf("unknown row %q", row)
	}
	if !inSandbox() {
		return reexecInSandbox()
	}
	if err := prepareSandbox(); err != nil {
		return err
	}

	// bringup moves its thread from namespace to namespace.
	runtime.LockOSThread()
	if r.handle, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return err
	}
	if err := measure(r); err != nil {
		return fmt.Errorf("%s: %w", row, err)
	}
	err = json.NewEncoder(os.Stdout).Encode(struct {
		Peer  string `json:"peer"`
		Row   string `json:"row"`
		N     int    `json:"n"`
		Ns    int64  `json:"ns"`
		Count int    `json:"count"`
	}{"go", row, r.n, r.elapsed.Nanoseconds(), r.count})
	if err != nil || witness == "" {
		return err
	}
	command := exec.Command("sh", "-c", witness)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	return command.Run()
}
