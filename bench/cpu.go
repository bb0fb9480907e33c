package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of times in /proc: USER_HZ, 100 a second on every
// architecture that Go runs on.
const clockTick = 10 * time.Millisecond

// ProcessCPU is the CPU time that a process has used so far, user and system,
// all threads, in steps of 10 ms. Two readings around a load, divided by its
// requests, compare proxies. It reads /proc, so it works on Linux only.
func ProcessCPU(pid int) (time.Duration, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("process CPU time: %w", err)
	}
	d, err := cpuOfStat(string(b))
	if err != nil {
		return 0, fmt.Errorf("process CPU time: %s: %w", path, err)
	}
	return d, nil
}

// cpuOfStat reads utime and stime, the 14th and 15th field (proc(5)). The
// second, the program's name, may hold spaces and brackets: the last one ends it.
func cpuOfStat(stat string) (time.Duration, error) {
	end := strings.LastIndexByte(stat, ')')
	fields := strings.Fields(stat[end+1:])
	if end < 0 || len(fields) < 13 {
		return 0, fmt.Errorf("unexpected content %.60q", stat)
	}
	var ticks uint64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseUint(field, 10, 63)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}
