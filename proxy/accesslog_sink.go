package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	logReportEvery = time.Minute
	logBatchBytes  = 64 << 10
	// logStall is how long a pipe may refuse to take a byte before lines are
	// thrown away, and logStalled the same once that has happened, until it takes
	// one again. Together they bound how long Run takes to end.
	logStall   = time.Second
	logStalled = 10 * time.Millisecond
)

var errLogStalled = errors.New("nobody reads it")

// logWriter is the state of the goroutine that writes.
type logWriter struct {
	log        *AccessLog
	batch      []byte
	lastErr    error
	lastReport time.Time
	reported   uint64 // of AccessLog.Dropped
}

// drain writes every line that is there and reports whether there was one.
func (w *logWriter) drain() bool {
	found := false
	for s := w.log.ring.peek(); s != nil; s = w.log.ring.peek() {
		found = true
		w.batch = append(w.batch, s.line...)
		w.log.ring.free(s)
		if len(w.batch) >= logBatchBytes {
			w.flush()
		}
	}
	w.flush()
	if time.Since(w.lastReport) >= logReportEvery {
		w.report()
	}
	return found
}

func (w *logWriter) flush() {
	if len(w.batch) == 0 {
		return
	}
	if err := w.log.sink.write(w.batch); err != nil {
		w.lastErr = err
	}
	w.batch = w.batch[:0]
	if cap(w.batch) > 4*logBatchBytes {
		w.batch = nil
	}
}

// report tells of lines lost since the last report.
func (w *logWriter) report() {
	lost := w.log.Dropped()
	if lost == w.reported {
		return
	}
	err := w.lastErr
	if err == nil {
		err = errors.New("it could not be written fast enough")
	}
	w.log.logger.Warn("access log lines lost", "path", w.log.sink.path, "lines", lost-w.reported, "error", err)
	w.reported, w.lastErr, w.lastReport = lost, nil, time.Now()
}

// logSink is what lines are written to: a file, or a stream whose reader may stop reading.
type logSink struct {
	path string
	lost atomic.Uint64 // lines that could not be written

	mu     sync.Mutex // held while a batch is written; never by a request
	file   *os.File   // nil: closed
	stream bool       // not a regular file
	torn   bool       // the last write ended within a line
	stall  time.Duration
}

func openLogSink(path string) (*logSink, error) {
	s := &logSink{path: path}
	file, err := s.open()
	if err != nil {
		return nil, err
	}
	if err := s.use(file); err != nil {
		file.Close()
		return nil, err
	}
	return s, nil
}

func (s *logSink) open() (*os.File, error) {
	switch s.path {
	case "stdout":
		return os.Stdout, nil
	case "stderr":
		return os.Stderr, nil
	}
	// Without O_NONBLOCK the open of a FIFO would wait for its reader.
	return os.OpenFile(s.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, 0o640)
}

func (s *logSink) use(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	s.file, s.stream, s.stall = file, !info.Mode().IsRegular(), logStall
	return nil
}

func (s *logSink) standard() bool { return s.path == "stdout" || s.path == "stderr" }

func (s *logSink) reopen() error {
	if s.standard() {
		return nil
	}
	file, err := s.open()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.file
	if old == nil { // closed meanwhile: the process is ending
		return file.Close()
	}
	if err := s.use(file); err != nil {
		file.Close()
		return err
	}
	s.torn = false
	return old.Close()
}

func (s *logSink) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil && !s.standard() {
		s.file.Close()
	}
	s.file = nil
}

// write writes whole lines. On an error it counts those that did not get out.
func (s *logSink) write(lines []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.torn {
		if n, err := s.put([]byte{'\n'}); n == 0 {
			s.lost.Add(uint64(bytes.Count(lines, []byte{'\n'})))
			return err
		}
		s.torn = false
	}
	n, err := s.put(lines)
	if err == nil {
		return nil
	}
	s.lost.Add(uint64(bytes.Count(lines[n:], []byte{'\n'})))
	s.torn = n > 0 && lines[n-1] != '\n'
	return fmt.Errorf("%s: %w", s.path, err)
}

func (s *logSink) put(b []byte) (int, error) {
	if s.file == nil {
		return 0, os.ErrClosed
	}
	if !s.stream {
		return s.file.Write(b)
	}
	return s.pour(b)
}

// pour writes to a stream without waiting longer than s.stall for its reader.
// It writes whole lines of at most PIPE_BUF bytes where it can: a pipe that is
// ready takes that much at once, unmixed with what others write. It goes past
// os.File because that ends the process when the reader of stdout is gone.
func (s *logSink) pour(b []byte) (done int, err error) {
	raw, err := s.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	ctlErr := raw.Control(func(fd uintptr) {
		for deadline := time.Now().Add(s.stall); done < len(b); {
			if err = writable(int(fd), time.Until(deadline)); err != nil {
				s.stall = logStalled
				return
			}
			var n int
			n, err = unix.Write(int(fd), portion(b[done:]))
			if n > 0 {
				done += n
				s.stall = logStall
				deadline = time.Now().Add(s.stall)
			}
			if err != nil && err != unix.EINTR && err != unix.EAGAIN {
				return
			}
			err = nil
		}
	})
	if ctlErr != nil {
		return 0, ctlErr
	}
	return done, err
}

// portion is the longest run of whole lines within 4096 bytes, the PIPE_BUF of
// Linux; of a longer line, that many bytes.
func portion(b []byte) []byte {
	const pipeBuf = 4096
	if len(b) <= pipeBuf {
		return b
	}
	if end := bytes.LastIndexByte(b[:pipeBuf], '\n'); end >= 0 {
		return b[:end+1]
	}
	return b[:pipeBuf]
}

func writable(fd int, wait time.Duration) error {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	for begin := time.Now(); ; {
		left := wait - time.Since(begin)
		if left <= 0 {
			return errLogStalled
		}
		n, err := unix.Poll(fds, int(left.Milliseconds())+1)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n > 0:
			return nil
		}
	}
}
