// What a request's lines and headers are made of: standard library alone, to be copied.
package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	traceIDs     = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,128}$`)
	traceparents = regexp.MustCompile(`^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[^,]*)?$`)
	uuids        = regexp.MustCompile(`(?i)^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32})$`)
)

// The 128 bits of a trace id: a UUID's own, else the beginning of a hash that every service agrees on.
func w3cTraceID(traceID string) string {
	bits := strings.ToLower(strings.ReplaceAll(traceID, "-", ""))
	if uuids.MatchString(traceID) && strings.Trim(bits, "0") != "" {
		return bits
	}
	sum := sha256.Sum256([]byte(traceID))
	return hex.EncodeToString(sum[:16])
}

func dashed(bits string) string {
	return strings.Join([]string{bits[:8], bits[8:12], bits[12:16], bits[16:20], bits[20:]}, "-")
}

// A UUID version 7: 48 bits of time, then random ones.
func newTraceID() string {
	var id [16]byte
	rand.Read(id[:])
	for i, ms := 5, time.Now().UnixMilli(); i >= 0; i, ms = i-1, ms>>8 {
		id[i] = byte(ms)
	}
	id[6], id[8] = 0x70|id[6]&0x0f, 0x80|id[8]&0x3f
	return dashed(hex.EncodeToString(id[:]))
}

// 13 random digits, and three in which the calls of the request are numbered.
func newRequestID() string {
	var id [8]byte
	rand.Read(id[:7])
	id[0] |= 1 // never all zero
	id[6] &= 0xf0
	return hex.EncodeToString(id[:])
}

// Trace, parent and flags of a header that was sent once and is valid, else nil.
func traceparent(values []string) []string {
	if len(values) != 1 {
		return nil
	}
	part := traceparents.FindStringSubmatch(values[0])
	if part == nil || part[1] == "ff" || (part[1] == "00" && part[5] != "") || strings.Trim(part[2], "0") == "" || strings.Trim(part[3], "0") == "" {
		return nil
	}
	return part[2:5]
}

type loggedError struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

type line struct {
	Level          int          `json:"level"`
	Time           int64        `json:"time"`
	Service        string       `json:"service"`
	Lifecycle      string       `json:"lifecycle"`
	Event          string       `json:"event,omitempty"`
	From           string       `json:"from,omitempty"`
	State          string       `json:"state"`
	TraceID        string       `json:"trace_id"`
	RequestID      string       `json:"request_id"`
	Seq            int          `json:"seq"`
	DwellMs        *float64     `json:"dwell_ms,omitempty"`
	ParentID       string       `json:"parent_id,omitempty"`
	Method         string       `json:"method,omitempty"`
	Path           string       `json:"path,omitempty"`
	RejectedID     bool         `json:"rejected_id,omitempty"`
	RejectedLength int          `json:"rejected_length,omitempty"`
	Outcome        string       `json:"outcome,omitempty"`
	Status         int          `json:"status,omitempty"`
	DurationMs     *float64     `json:"duration_ms,omitempty"`
	Calls          int          `json:"calls,omitempty"`
	Error          *loggedError `json:"error,omitempty"`
	Msg            string       `json:"msg"`
}

type request struct {
	traceID, requestID, tracestate, state string
	flags, seq, calls                     int
	began, entered                        time.Time
}

func begin(r *http.Request) *request {
	ids, parents := r.Header.Values("X-Trace-ID"), r.Header.Values("traceparent")
	parent, first, now := traceparent(parents), line{Method: cut(r.Method, 64), Path: cut(r.URL.EscapedPath(), 512)}, time.Now()
	q := &request{requestID: newRequestID(), flags: 3, began: now, entered: now}
	refused := []string(nil)
	if len(ids) == 1 && traceIDs.MatchString(ids[0]) {
		q.traceID, q.flags = ids[0], 1
	} else if refused = ids; parent != nil {
		q.traceID = dashed(parent[0])
	} else {
		q.traceID = newTraceID()
	}
	if len(refused) == 0 && parent == nil {
		refused = parents
	}
	// A traceparent that speaks of another trace than X-Trace-ID names no parent of ours.
	if parent != nil && parent[0] == w3cTraceID(q.traceID) {
		flags, _ := strconv.ParseUint(parent[2], 16, 8)
		q.flags, q.tracestate, first.ParentID = int(flags)&3, strings.Join(r.Header.Values("tracestate"), ","), parent[1]
	}
	if len(refused) > 0 {
		first.RejectedID, first.RejectedLength = true, len(strings.Join(refused, ""))
	}
	q.enter("", "Received", first)
	return q
}

// Logs that a state was entered: in one write, so that no other line comes between, and at once.
func (q *request) enter(event, state string, l line) {
	now := time.Now()
	l.Level, l.Time, l.Service, l.Lifecycle = 30, now.UnixMilli(), service, "transition"
	l.Event, l.From, l.State, l.TraceID, l.RequestID, l.Seq, l.Msg = event, q.state, state, q.traceID, q.requestID, q.seq, state
	if event != "" {
		l.DwellMs, l.Msg = ms(now.Sub(q.entered)), q.state+" -> "+state
	}
	if l.Outcome != "" {
		l.DurationMs, l.Calls = ms(now.Sub(q.began)), q.calls
	}
	if l.Outcome == "error" {
		l.Level = 50
	}
	text, _ := json.Marshal(l)
	os.Stdout.Write(append(text, '\n'))
	q.seq, q.state, q.entered = q.seq+1, state, now
}

// What goes out with one call: the parent is this request with the number of the call, of which there are 7ff.
func (q *request) carry(header http.Header) {
	q.calls++
	parent := q.requestID
	if q.calls <= 0x7ff {
		parent = fmt.Sprintf("%s%03x", q.requestID[:13], q.calls)
	}
	header.Set("X-Trace-ID", q.traceID)
	header.Set("traceparent", fmt.Sprintf("00-%s-%s-%02x", w3cTraceID(q.traceID), parent, q.flags))
	if q.tracestate != "" {
		header.Set("tracestate", q.tracestate)
	}
}

func ms(d time.Duration) *float64 {
	value := math.Round(float64(d)/1e3) / 1e3
	return &value
}

func cut(text string, most int) string {
	if len(text) > most {
		return text[:most]
	}
	return text
}
