"""What a request's lines and headers are made of: standard library alone, to be copied."""

import hashlib
import json
import os
import re
import secrets
import time

SERVICE = os.environ.get("SERVICE", "pricing")
TRACE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[^,]*)?")
BITS = re.compile(r"[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}", re.IGNORECASE)


def w3c_trace_id(trace_id):
    """The 128 bits of a trace id: a UUID's own, else the beginning of a hash that every service agrees on."""
    bits = trace_id.replace("-", "").lower() if BITS.fullmatch(trace_id) else ""
    return bits if bits.strip("0") else hashlib.sha256(trace_id.encode()).hexdigest()[:32]


def dashed(bits):
    return f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}"


def new_trace_id():
    """A UUID version 7: 48 bits of time, then random ones."""
    random = f"{secrets.randbits(80):020x}"
    return dashed(f"{time.time_ns() // 1_000_000:012x}7{random[:3]}{'89ab'[int(random[3], 16) & 3]}{random[4:19]}")


def traceparent(values):
    """Trace, parent and flags of a header that was sent once and is valid, else None."""
    match = TRACEPARENT.fullmatch(values[0]) if len(values) == 1 else None
    if not match or match[1] == "ff" or (match[1] == "00" and match[5]) or not match[2].strip("0") or not match[3].strip("0"):
        return None
    return match[2], match[3], int(match[4], 16) & 3


class Request:
    def __init__(self, headers, method, path):
        ids, parents = headers.get_all("x-trace-id", []), headers.get_all("traceparent", [])
        own = ids[0] if len(ids) == 1 and TRACE_ID.fullmatch(ids[0]) else None
        parent = traceparent(parents)
        refused = ids if ids and not own else parents if parents and not parent else None
        self.trace_id = own or (dashed(parent[0]) if parent else new_trace_id())
        # A traceparent that speaks of another trace than X-Trace-ID names no parent of ours.
        related = parent is not None and parent[0] == w3c_trace_id(self.trace_id)
        self.flags = parent[2] if related else 1 if own else 3
        self.tracestate = ",".join(headers.get_all("tracestate", [])) if related else ""
        # 13 random digits, and three in which the calls of the request are numbered.
        self.request_id = f"{secrets.randbelow(2**52 - 1) + 1:013x}000"
        self.seq, self.calls, self.state = 0, 0, None
        self.began = self.entered = time.monotonic()
        rejected = {} if refused is None else {"rejected_id": True, "rejected_length": sum(map(len, refused))}
        self.enter(None, "Received", parent_id=parent[1] if related else None, method=method[:64], path=re.split("[?#]", path)[0][:512], **rejected)

    def enter(self, event, state, **fields):
        """Logs that a state was entered: in one write, so that no other line comes between, and at once."""
        now = time.monotonic()
        line = {"level": 50 if fields.get("outcome") == "error" else 30, "time": time.time_ns() // 1_000_000, "service": SERVICE, "lifecycle": "transition"}
        line |= {"event": event, "from": self.state, "state": state, "trace_id": self.trace_id, "request_id": self.request_id, "seq": self.seq}
        line |= {"dwell_ms": round((now - self.entered) * 1_000, 3) if event else None, **fields}
        final = {"duration_ms": round((now - self.began) * 1_000, 3), "calls": self.calls or None} if "outcome" in fields else {}
        line |= {**final, "msg": f"{self.state} -> {state}" if event else state}
        os.write(1, (json.dumps({key: value for key, value in line.items() if value is not None}) + "\n").encode())
        self.seq, self.state, self.entered = self.seq + 1, state, now

    def headers(self):
        """What goes out with one call: the parent is this request with the number of the call, of which there are 7ff."""
        self.calls += 1
        parent = f"{self.request_id[:13]}{self.calls:03x}" if self.calls <= 0x7FF else self.request_id
        out = {"x-trace-id": self.trace_id, "traceparent": f"00-{w3c_trace_id(self.trace_id)}-{parent}-{self.flags:02x}"}
        return out | ({"tracestate": self.tracestate} if self.tracestate else {})
