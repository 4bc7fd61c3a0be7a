// A service in Go that takes part without a library: it answers HTTP, and logs each step of a request as a line.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

func handle(w http.ResponseWriter, r *http.Request) {
	q := begin(r)
	w.Header().Set("X-Trace-ID", q.traceID)
	if r.Header.Get("Authorization") != "Bearer sesame" {
		q.enter("AUTH_ERROR", "Failed", line{Outcome: "denied", Status: http.StatusUnauthorized})
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	q.enter("AUTH_OK", "Authenticated", line{})
	q.enter("PROCESS", "Processing", line{})
	end, body := line{Outcome: "ok", Status: http.StatusOK}, []byte("12.50\n")
	if nextURL != "" {
		var err error
		if body, err = ask(q, nextURL+r.URL.RequestURI()); err != nil {
			end, body = line{Outcome: "error", Status: http.StatusBadGateway, Error: &loggedError{fmt.Sprintf("%T", err), cut(err.Error(), 400)}}, []byte("no price\n")
		}
	}
	w.WriteHeader(end.Status)
	if _, err := w.Write(body); err != nil || r.Context().Err() != nil {
		end = line{Outcome: "aborted", Status: end.Status}
	}
	q.enter("RESPOND", "Responded", end)
}

func ask(q *request, url string) ([]byte, error) {
	call, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	q.carry(call.Header)
	answer, err := (&http.Client{Timeout: 5 * time.Second}).Do(call)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusBadRequest {
		return nil, fmt.Errorf("the next service answered %d", answer.StatusCode)
	}
	return io.ReadAll(answer.Body)
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

var service, nextURL = setting("SERVICE", "pricing"), os.Getenv("NEXT_URL")

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+setting("PORT", "0"))
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stderr, "listening on", listener.Addr().(*net.TCPAddr).Port)
	http.Serve(listener, http.HandlerFunc(handle))
}
