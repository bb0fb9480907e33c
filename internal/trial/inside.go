package trial

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Inside is what a process holds.
type Inside struct {
	Resident    int64 // bytes, VmRSS
	Peak        int64 // bytes, VmHWM
	Heap        int64 // bytes in use by the Go heap after a collection; 0 where not asked for
	Descriptors int   // open files and sockets
	Goroutines  int   // 0 where not asked for
}

// Resources reads /proc alone, which asks nothing of the process.
func (p *Process) Resources() (in Inside, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID))
	if err != nil {
		return in, err
	}
	in.Resident, in.Peak = kilobytes(data, "VmRSS"), kilobytes(data, "VmHWM")
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID))
	in.Descriptors = len(fds)
	return in, err
}

// CPU is the time that the process has used, user and system.
func (p *Process) CPU() (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc stat: %q", data)
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64) // the kernel's own form, in hundredths of a second
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * (time.Second / 100), nil
}

func kilobytes(status []byte, key string) int64 {
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64) // the kernel's own form
			return n << 10
		}
	}
	return 0
}

var (
	goroutineTotal = regexp.MustCompile(`goroutine profile: total (\d+)`)
	heapInUse      = regexp.MustCompile(`# HeapInuse = (\d+)`)
)

// Settled reads everything, after a garbage collection that it asks for. Goroutines with one of the
// functions named (such as proxy.(*mirrors).work) on their stacks are not counted.
func (p *Process) Settled(ctx context.Context, without ...string) (in Inside, err error) {
	var goroutines, heap string
	for range 2 { // the second collection frees what finalizers and pools held
		if err := p.API(ctx, "GET", "/debug/pprof/heap?gc=1&debug=1", nil, &heap); err != nil {
			return in, err
		}
	}
	if err := p.API(ctx, "GET", "/debug/pprof/goroutine?debug=1", nil, &goroutines); err != nil {
		return in, err
	}
	if in, err = p.Resources(); err != nil {
		return in, err
	}
	for _, f := range []struct {
		form *regexp.Regexp
		text string
		set  func(int64)
	}{
		{goroutineTotal, goroutines, func(n int64) { in.Goroutines = int(n) - goroutinesIn(goroutines, without) }},
		{heapInUse, heap, func(n int64) { in.Heap = n }},
	} {
		m := f.form.FindStringSubmatch(f.text)
		if m == nil {
			return in, fmt.Errorf("pprof: no %q in the answer", f.form)
		}
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return in, err
		}
		f.set(n)
	}
	return in, nil
}

// goroutinesIn counts the goroutines of a profile that have one of the functions on their stacks.
func goroutinesIn(profile string, functions []string) (sum int) {
	for group := range strings.SplitSeq(profile, "\n\n") {
		for _, f := range functions {
			if strings.Contains(group, f+"+0x") {
				n, _, _ := strings.Cut(group[strings.LastIndex(group, ": total")+1:], " @") // the first group follows the headline
				k, _ := strconv.Atoi(n[strings.LastIndexByte(n, '\n')+1:])                  // pprof's own form
				sum += k
				break
			}
		}
	}
	return sum
}
