package analysis

// spans keep good answers by latency, by latencySpan seconds. Most versions hit few of the cells, so what
// was hit is listed, oldest first. A cell may stand in the list of a span more than once.
type spans struct {
	list      []hits
	seen      [Buckets]uint32 // at the last reading, modulo 2³²
	newest    int64           // span of the newest entry
	unread    bool            // something is counted and not yet read
	of        int64           // the span that it belongs to
	recorders []*Recorder
}

type hits struct {
	count uint32
	cell  uint16
	span  uint16 // modulo 2¹⁶
}

// begin leaves out what the recorders have counted so far.
func (l *spans) begin(recorders []*Recorder) {
	l.recorders = append(l.recorders[:0], recorders...)
	l.read(func(int, uint32) {})
}

// add notes whether there was anything in the second now, and reads what it was with the last
// second of the span, or with a later one if nobody looked in that.
func (l *spans) add(now int64, some bool, recorders []*Recorder) {
	span := now / latencySpan
	if l.of != span {
		l.flush()
	}
	if some {
		l.unread, l.of = true, span
		l.recorders = append(l.recorders[:0], recorders...)
	}
	if now%latencySpan == latencySpan-1 {
		l.flush()
	}
}

// flush lists what is unread.
func (l *spans) flush() {
	if !l.unread {
		return
	}
	if l.of-l.newest >= latencySlots {
		l.list = l.list[:0]
	}
	l.newest, l.unread = l.of, false
	if len(l.list) > 0 && uint16(l.newest)-l.list[0].span >= 2*latencySlots {
		l.drop() // long before spans come round
	}
	l.read(func(cell int, n uint32) {
		if len(l.list) == cap(l.list) {
			l.drop()
		}
		l.list = append(l.list, hits{count: n, cell: uint16(cell), span: uint16(l.newest)})
	})
}

// drop makes room by what is older than any window.
func (l *spans) drop() {
	old := 0
	for old < len(l.list) && uint16(l.newest)-l.list[old].span >= latencySlots {
		old++
	}
	l.list = append(l.list[:0], l.list[old:]...)
}

// read calls f with the cells that grew since the last reading.
func (l *spans) read(f func(cell int, n uint32)) {
	var now [Buckets]uint32
	for _, r := range l.recorders {
		r.each(func(s *shard) {
			for i := range now {
				now[i] += uint32(s.ok[i].Load())
			}
		})
	}
	for i, n := range now {
		if n != l.seen[i] {
			f(i, n-l.seen[i])
		}
	}
	l.seen = now
}

// sum adds up what is listed of the spans first…last.
func (l *spans) sum(first, last int64) (sum [Buckets]uint64, answers uint64) {
	first = max(first, last-latencySlots+1, 0)
	if l.newest < first {
		return sum, 0
	}
	for _, h := range l.list {
		if uint16(last)-h.span <= uint16(last-first) {
			sum[h.cell] += uint64(h.count)
			answers += uint64(h.count)
		}
	}
	return sum, answers
}

// release lets go of the list of a version that has been idle for long; what was read last must stay, to subtract it.
func (l *spans) release() { l.list = nil }
