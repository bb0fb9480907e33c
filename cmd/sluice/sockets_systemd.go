package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

const (
	firstDescriptor = 3 // sd_listen_fds(3)
	mostDescriptors = 1024
)

// activated are the sockets that systemd, or whoever speaks its protocol, passed on
// (sd_listen_fds(3)): LISTEN_PID must be this process, LISTEN_FDS says how many there are, from
// descriptor 3 on, LISTEN_FDNAMES what they are called. The variables are removed, so
// that no child takes them for its own.
func activated() ([]*givenSocket, error) {
	pid, count, names := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		_ = os.Unsetenv(name) // fails for malformed names only
	}
	if count == "" || pid != strconv.Itoa(os.Getpid()) {
		return nil, nil // meant for another process
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > mostDescriptors {
		return nil, fmt.Errorf("LISTEN_FDS: got %q, want a number from 0 to %d", count, mostDescriptors)
	}
	called := strings.Split(names, ":")
	var all []*givenSocket
	for i := range n {
		name := "unknown"
		if i < len(called) && called[i] != "" {
			name = called[i]
		}
		file, err := listening(firstDescriptor+i, name)
		if err != nil {
			return nil, err
		}
		all = append(all, &givenSocket{file: file, name: name, lasting: true})
	}
	return all, nil
}
