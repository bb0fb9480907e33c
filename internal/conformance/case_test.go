package conformance

import (
	"fmt"
	"strings"
)

// verdict is what sluice must do with a request of the grid.
type verdict int

const (
	refused verdict = iota // answered by sluice with a 4xx or 5xx, connection closed; the origin sees no request
	passed                 // forwarded; what follows on the connection is the next request
	last                   // forwarded; the connection ends after the answer
	waits                  // incomplete: no answer comes, what follows belongs to the body
)

// hostile is one row of the grid. N in its bytes stands for the number of the
// case, which every target holds, so that an origin's log tells them apart.
type hostile struct {
	name string
	raw  string
	want verdict
	sees string // method and target as the origin must see them; default "POST /N"
	body int    // bytes of content that the origin must see
}

// post is a POST with fields and body.
func post(name, fields, body string, want verdict, content int) hostile {
	return hostile{name, "POST /N HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body, want, "", content}
}

// inside is a request that stands where a reader with another idea of the framing
// would find one.
const inside = "GET /N/inside HTTP/1.1\r\nHost: a\r\n\r\n"

const (
	abc       = "abc"
	abcChunks = "3\r\nabc\r\n0\r\n\r\n"
)

// grid is the whole of the cases.
func grid() []hostile {
	var all []hostile
	for _, part := range [][]hostile{
		lengths(), encodings(), lengthsWithEncodings(), names(), repeats(), lineEnds(), chunkSizes(), chunkEnds(), trailers(),
		requestLines(), targets(), hosts(), connections(), expectations(), oldVersions(), bodiesOfMethods(), values(), carriers(),
	} {
		all = append(all, part...)
	}
	for i := range all {
		h := &all[i]
		if h.sees == "" {
			h.sees = "POST /N"
		}
		h.raw = number(h.raw, i)
		h.sees = number(h.sees, i)
	}
	return all
}

// number puts the number of the case for N.
func number(s string, i int) string {
	return strings.ReplaceAll(s, "/N", fmt.Sprintf("/%04d", i))
}

// each makes a case of every value.
func each(values []string, make func(value string) hostile) []hostile {
	var all []hostile
	for _, v := range values {
		all = append(all, make(v))
	}
	return all
}

// RFC 9110, 8.6 and RFC 9112, 6.2.
func lengths() []hostile {
	all := each([]string{
		"+3", "-3", "3,3", "3, 3", "3 3", "0x3", "3.0", "3e0", "", " ", "³", "3\x00", "3\x0b", "3;", "3;a=b", `"3"`, "'3'", "3_0",
		"3\xa0", "\xa03", "1000000000000000000", "18446744073709551619", "99999999999999999999999", "nan", "3,", ",3", "3 ,", "-0", "+0", "0,0",
		"3\r\n 4", "3\r\n\t4", "\r\n 3", "3\r", "3\n", "0000000000000000003", "٣", "3\x1f", "3\x7f", "inf", "00x3", "3l", "3%00",
	}, func(v string) hostile {
		return post(fmt.Sprintf("length %q", v), "Content-Length: "+v+"\r\n", abc, refused, 0)
	})
	all = append(all, each([]string{"3 ", "\t3\t", "003", "  3", "3", "000000000000000003"}, func(v string) hostile {
		return post(fmt.Sprintf("length %q", v), "Content-Length:"+v+"\r\n", abc, passed, 3)
	})...)
	all = append(all,
		post("length, lower case", "content-length: 3\r\n", abc, passed, 3),
		post("length, mixed case", "cOnTeNt-LeNgTh: 3\r\n", abc, passed, 3),
		post("length 0", "Content-Length: 0\r\n", "", passed, 0),
		post("length 00", "Content-Length: 00\r\n", "", passed, 0),
		post("no length", "", "", passed, 0),
		post("length longer than sent", "Content-Length: 2000\r\n", inside, waits, 0),
		post("length of 4 GiB and 3", "Content-Length: 4294967299\r\n", abc+inside, waits, 0),
		post("length of 18 digits", "Content-Length: 999999999999999999\r\n", abc+inside, waits, 0),
	)
	return all
}

// RFC 9112, 6.1 and 7.
func encodings() []hostile {
	all := each([]string{
		"identity", "gzip", "deflate", "compress", "x", "", " ", "chunked, chunked", "chunked,", ",chunked", "chunked,chunked", "gzip, chunked",
		"chunked, gzip", "chunked, identity", "identity, chunked", "identity,chunked", "xchunked", "chunkedx", "chunked;q=1", "chunked; a=b",
		"chunked\x0b", "\x0bchunked", "\x0cchunked", "chunked\x0c", "chunked\x00", "\x00chunked", `"chunked"`, "'chunked'", "chunk", "chunked chunked",
		"cow", "ch unked", "chun\xe2\x84\xaaed", "chunked\xa0", "\xa0chunked", "chunked\x1f", "chunked\x7f", "\xefchunked", "chun\tked", "chunked,\x20",
		"chunked\r\n ", "\r\n chunked", "\r\n\tchunked", "chunked\n", "chunked\r", "gzip;q=0, chunked", "trailers", "{chunked}", "chunked/1",
	}, func(v string) hostile {
		return post(fmt.Sprintf("encoding %q", v), "Transfer-Encoding: "+v+"\r\n", abcChunks+inside, refused, 0)
	})
	return append(all, each([]string{"chunked", "Chunked", "CHUNKED", "  chunked", "chunked  ", "\tchunked\t"}, func(v string) hostile {
		return post(fmt.Sprintf("encoding %q", v), "Transfer-Encoding:"+v+"\r\n", abcChunks, passed, 3)
	})...)
}

// RFC 9112, 6.1: a message with both is refused, whichever would win.
func lengthsWithEncodings() []hostile {
	var all []hostile
	beyond := fmt.Sprint(len(abcChunks) + len(number(inside, 0))) // the length holds the request behind the chunks
	for _, length := range []string{"0", "3", "13", "6", beyond, "+3", "x"} {
		for _, encoding := range []string{"chunked", "CHUNKED", "identity", "xchunked", "", "gzip, chunked"} {
			l, e := "Content-Length: "+length+"\r\n", "Transfer-Encoding: "+encoding+"\r\n"
			name := fmt.Sprintf("length %q, encoding %q", length, encoding)
			all = append(all, post(name, l+e, abcChunks+inside, refused, 0), post(name+", turned", e+l, abcChunks+inside, refused, 0))
		}
	}
	return all
}

// RFC 9112, 5.1: what is no field name is not taken for one.
func names() []hostile {
	all := each([]string{
		"Transfer-Encoding : chunked", "Transfer-Encoding\t: chunked", " Transfer-Encoding: chunked", "\tTransfer-Encoding: chunked",
		"Transfer\x00-Encoding: chunked", "Transfer-Encoding\x0b: chunked", "\x0bTransfer-Encoding: chunked", "Transfer-Encoding\x00: chunked",
		"Transfer-Encoding\xa0: chunked", "Transfer-Encoding\r\n: chunked", "X: y\nTransfer-Encoding: chunked", "X: y\rTransfer-Encoding: chunked",
		"X: y\n\rTransfer-Encoding: chunked", ":Transfer-Encoding: chunked", "Transfer-Encoding", "(Transfer-Encoding): chunked",
		`"Transfer-Encoding": chunked`, "Transfer Encoding: chunked", "Transfer-Encoding\x1f: chunked", "X\xff: y", "X\x7f: y", "X@: y", "X/y: z",
		"[X]: y", "{X}: y", "X,Y: z", "X;Y: z", "X=Y: z", "X?: y", "X<>: y", "X\\: y", ": y", ":", "X", " X: y", "\tX: y", "X : y", "X\t: y",
		"\x01X: y", "Ｘ: y", "Transfer-Encoding\u2028: chunked", "X: y\r\r\nTransfer-Encoding: chunked", "\r: y", "GET /N/inside HTTP/1.1",
	}, func(line string) hostile {
		return post(fmt.Sprintf("line %q", line), "Content-Length: 3\r\n"+line+"\r\n", abc, refused, 0)
	})
	// Names that are tokens, if odd, are not what they look like.
	return append(all, each([]string{
		"Transfer_Encoding: chunked", "Content_Length: 30", "Transfer-Encodin: chunked", "XTransfer-Encoding: chunked", "Transfer-Encodingx: chunked",
		"X-Content-Length: 30", "Content-Length-: 30", "-Content-Length: 30", "Content--Length: 30", "Transfer.Encoding: chunked", "'X': y",
		"!#$%&'*+-.^`|~: y", "0: y", "TE: chunked", "Content-Encoding: chunked", "Content-Encoding: gzip", "Content-Range: bytes 0-2/3",
	}, func(line string) hostile {
		return post(fmt.Sprintf("line %q", line), "Content-Length: 3\r\n"+line+"\r\n", abc, passed, 3)
	})...)
}

// RFC 9112, 6.3: framing said twice is refused even where both say the same.
func repeats() []hostile {
	return each([]string{
		"Content-Length: 3\r\nContent-Length: 3\r\n", "Content-Length: 3\r\nContent-Length: 0\r\n", "Content-Length: 0\r\nContent-Length: 3\r\n",
		"Content-Length: 3\r\ncontent-length: 4\r\n", "Content-Length: 3\r\nX: y\r\nCONTENT-LENGTH: 3\r\n", "Content-Length: 3\r\nContent-Length:\r\n",
		"Content-Length: 3\r\nContent-Length : 4\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: chunked\r\ntransfer-encoding: x\r\n", "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nX: y\r\nTransfer-Encoding:\r\n",
		"Host: a\r\n", "Host: b\r\n", "host: a\r\n", "HOST:\r\n",
	}, func(fields string) hostile {
		return post(fmt.Sprintf("repeat %q", fields), fields, abcChunks+inside, refused, 0)
	})
}

// RFC 9112, 2.2: a line ends with CRLF alone.
func lineEnds() []hostile {
	get := func(name, raw string, want verdict) hostile {
		return hostile{name, raw, want, "GET /N", 0}
	}
	return []hostile{
		get("LF after the request line", "GET /N HTTP/1.1\nHost: a\r\n\r\n", refused),
		get("LF after a field", "GET /N HTTP/1.1\r\nHost: a\n\r\n", refused),
		get("LF at the end", "GET /N HTTP/1.1\r\nHost: a\r\n\n", refused),
		get("LF alone", "GET /N HTTP/1.1\nHost: a\n\n", refused),
		get("CR alone", "GET /N HTTP/1.1\rHost: a\r\r", refused),
		get("CR CR LF", "GET /N HTTP/1.1\r\r\nHost: a\r\n\r\n", refused),
		get("CR CR LF after a field", "GET /N HTTP/1.1\r\nHost: a\r\r\n\r\n", refused),
		get("CR CR LF at the end", "GET /N HTTP/1.1\r\nHost: a\r\n\r\r\n", refused),
		get("LF CR", "GET /N HTTP/1.1\n\rHost: a\n\r\n\r", refused),
		get("LF before", "\nGET /N HTTP/1.1\r\nHost: a\r\n\r\n", refused),
		get("CR before", "\rGET /N HTTP/1.1\r\nHost: a\r\n\r\n", refused),
		get("empty line before", "\r\nGET /N HTTP/1.1\r\nHost: a\r\n\r\n", passed),
		get("space before", " GET /N HTTP/1.1\r\nHost: a\r\n\r\n", refused),
		get("NUL before", "\x00GET /N HTTP/1.1\r\nHost: a\r\n\r\n", refused),
		get("byte order mark before", "\xef\xbb\xbfGET /N HTTP/1.1\r\nHost: a\r\n\r\n", refused),
		get("fold", "GET /N HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", refused),
		get("fold of nothing", "GET /N HTTP/1.1\r\nHost: a\r\nX: y\r\n \r\n\r\n", refused),
		get("fold before the fields", "GET /N HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n", refused),
		get("vertical tab for a line end", "GET /N HTTP/1.1\x0bHost: a\r\n\r\n", refused),
		get("next line (U+0085)", "GET /N HTTP/1.1\r\nHost: a\u0085X: y\r\n\r\n", refused),
		get("NUL at the end", "GET /N HTTP/1.1\r\nHost: a\r\n\x00\r\n", refused),
	}
}

// RFC 9112, 7.1: the size of a chunk.
func chunkSizes() []hostile {
	chunked := func(name, body string, want verdict) hostile {
		return post(name, "Transfer-Encoding: chunked\r\n", body, want, 3)
	}
	all := each([]string{
		"0x3", "0X3", "+3", "-3", " 3", "\t3", "3 ", "3\t", "", "g", "G3", "3g", "3,3", "3 3", "3.0", "3\x0b", "3\x00", "\x003", "3\xa0", "3\r", "\r3",
		"ffffffffffffffff", "fffffffffffffffff", "8000000000000003", "10000000000000003", "0000000000000003", "3h", "#3", "3=a", "3:a", "3\x1f", "٣", "3_",
		"3;a\x00b", "3;a\rb", "3;\x0b", "3;a\x7f", "3\n", "3;\n", "3;a=b\n", "3;" + strings.Repeat("a", 5000), "-0", "3\"", "3\x85",
	}, func(size string) hostile {
		return chunked(fmt.Sprintf("chunk size %.20q", size), size+"\r\nabc\r\n0\r\n\r\n"+inside, refused)
	})
	return append(all, each([]string{"03", "003", "000000000000003", "3;", "3;a", "3;a=b", "3;a=\"b c\"", "3 ;a", "3\t;a", "3; a", "3;a;b=c", "3;\xff", "3;0\t"},
		func(size string) hostile {
			return chunked(fmt.Sprintf("chunk size %q", size), size+"\r\nabc\r\n0\r\n\r\n", passed)
		})...)
}

// RFC 9112, 7.1: what stands around the data, and the last chunk.
func chunkEnds() []hostile {
	return each([]string{
		"3\r\nabcd\r\n0\r\n\r\n", "3\r\nabc0\r\n\r\n", "3\r\nabc\n0\r\n\r\n", "3\r\nabc\r0\r\n\r\n", "3\r\nabc\r\r\n0\r\n\r\n", "3\r\nabc\n\r0\r\n\r\n",
		"3\r\nabc\r\n\r\n0\r\n\r\n", "3\r\nabc\r\n0\n\n", "3\r\nabc\r\n0\r\n\n", "3\r\nabc\r\n0\n\r\n", "3\r\nabc\r\n0\r\r\n\r\n", "3\r\nabc \r\n0\r\n\r\n",
		"3\r\n\r\nabc\r\n0\r\n\r\n", "\r\n3\r\nabc\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n", "3\rabc\r\n0\r\n\r\n", "2\r\nabc\r\n0\r\n\r\n", "3\r\nabc;0\r\n\r\n",
		"3\r\nabcXX0\r\n\r\n", "3\r\nabc\r\nx\r\n\r\n", "3\r\nabc\r\n 0\r\n\r\n", "3\r\nabc\r\n0 \r\n\r\n", "3\r\nabc\r\n-1\r\n\r\n", "{\"a\":1}\r\n",
	}, func(body string) hostile {
		return post(fmt.Sprintf("chunks %q", body), "Transfer-Encoding: chunked\r\n", body+inside, refused, 0)
	})
}

// RFC 9110, 6.5 and RFC 9112, 7.1.2.
func trailers() []hostile {
	trailer := func(lines string, want verdict) hostile {
		return post(fmt.Sprintf("trailers %q", lines), "Transfer-Encoding: chunked\r\nTrailer: X\r\n", "3\r\nabc\r\n0\r\n"+lines+"\r\n", want, 3)
	}
	all := each([]string{
		"X: y\n", "X y\r\n", " X: y\r\n", "X : y\r\n", "X: y\r\n z\r\n", "X\x00: y\r\n", "X: y\x00\r\n", "X: y\rZ: w\r\n", ": y\r\n", "X\r\n", "X: y\r\r\n",
		"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "Content-Length: x\r\n", "X: " + strings.Repeat("a", 9000) + "\r\n", inside[:len(inside)-2],
	}, func(lines string) hostile { return trailer(lines, refused) })
	return append(all, each([]string{
		"X: y\r\n", "X: y\r\nZ: w\r\n", "X:\r\n", "Content-Length: 30\r\n", "Transfer-Encoding: chunked\r\n", "Host: b\r\n", "Connection: close\r\n",
		"X-Forwarded-For: 1.2.3.4\r\n", "Authorization: Basic eDp5\r\n", "Cookie: a=b\r\n", "Trailer: Z\r\n", "Expect: 100-continue\r\n", "Upgrade: h2c\r\n",
	}, func(lines string) hostile { return trailer(lines, passed) })...)
}
