package trial

import (
	"fmt"
	"net"
	"os"
	"sync"
)

// given are the addresses that FreeAddress gave before. The kernel picks the port of one that is closed again
// as readily as any other, and knows nothing of the process that is about to listen there. It
// stands here as it is of the process, as is the host: whoever asks must not get what another was promised.
var given sync.Map

// manyTries find a port that was not given before as long as one in a hundred is left.
const manyTries = 1000

// FreeAddress is a loopback address for a process that is started next: nobody listens
// there, and nobody takes it in between. It is never given twice. A port of 127.0.0.1 may be taken: each connection
// that is made over loopback has one, and so has each server of a test that runs beside
// this one. So the host is a number of 127.0.0.0/8 that is this process's own, from which
// the kernel connects to nobody. Where the loopback interface has a single address (macOS),
// it is 127.0.0.1. Safe for concurrent use.
func FreeAddress() (string, error) {
	for range manyTries {
		address, err := unused()
		if err != nil {
			return "", err
		}
		if _, again := given.LoadOrStore(address, true); !again {
			return address, nil
		}
	}
	return "", fmt.Errorf("free address: none of %d was new", manyTries)
}

// unused is an address where nobody listens now.
func unused() (string, error) {
	ln, err := net.Listen("tcp", net.JoinHostPort(ownHost(os.Getpid()).String(), "0"))
	if err != nil {
		ln, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// ownHost is 127.64.0.0 and the number of a process, which has 22 bits (pid_max, proc_pid(5)).
func ownHost(pid int) net.IP {
	return net.IPv4(127, 64|byte(pid>>16)&63, byte(pid>>8), byte(pid))
}
