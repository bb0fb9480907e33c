package main

import (
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"sluice/config"
)

// setMemoryLimit makes the collector respect the container's memory limit: the
// Go runtime follows the cgroup's CPU limit by itself, but not its memory limit
// (golang/go#75164). GOMEMLIMIT wins. It returns the limit set, 0 for none.
func setMemoryLimit() int64 {
	if os.Getenv("GOMEMLIMIT") != "" {
		return 0
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
		if err != nil || n <= 0 || n > math.MaxInt64/2 {
			return 0 // "max", or the kernel's way to say none
		}
		limit := n / 10 * 9
		debug.SetMemoryLimit(limit)
		return limit
	}
	return 0
}

// manyServices make a configuration whose text and tree leave much garbage behind.
const manyServices = 1000

// freeMemory gives back what reading a large configuration took: the collector
// would keep it for the next time (10,000 services: 80 MiB of 195).
func freeMemory(cfg *config.Config) {
	if len(cfg.Services) >= manyServices {
		debug.FreeOSMemory()
	}
}
