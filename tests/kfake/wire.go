package main

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// What is done to a request on its way.
type action struct {
	before, after bool
	wait          time.Duration
}

type rule struct {
	key        int16
	what       action
	left, hits int
}

// The faults of connections: what error codes can't say.
type wire struct {
	mutex sync.Mutex
	rules []*rule
}

func (w *wire) add(key int16, what action, count int) func() int {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	added := &rule{key: key, what: what, left: count}
	w.rules = append(w.rules, added)
	return func() int {
		w.mutex.Lock()
		defer w.mutex.Unlock()
		return added.hits
	}
}

func (w *wire) clear() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, rule := range w.rules {
		rule.left = 0
	}
	w.rules = nil
}

func (w *wire) meet(key int16) (action, bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, rule := range w.rules {
		if rule.key == key && rule.left > 0 {
			rule.left--
			rule.hits++
			return rule.what, true
		}
	}
	return action{}, false
}

type tapped struct {
	net.Listener
	wire *wire
}

func (t *tapped) Accept() (net.Conn, error) {
	conn, err := t.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &tap{Conn: conn, wire: t.wire, due: map[uint32]action{}}, nil
}

// A connection that is looked into: a whole request at a time is read from it, and kfake writes a whole response at a time.
type tap struct {
	net.Conn
	wire    *wire
	pending []byte
	mutex   sync.Mutex
	due     map[uint32]action
}

func (t *tap) Read(into []byte) (int, error) {
	if len(t.pending) == 0 {
		size := make([]byte, 4)
		if _, err := io.ReadFull(t.Conn, size); err != nil {
			return 0, err
		}
		frame := make([]byte, 4+binary.BigEndian.Uint32(size))
		copy(frame, size)
		if _, err := io.ReadFull(t.Conn, frame[4:]); err != nil {
			return 0, err
		}
		if isOurs(frame) {
			if what, met := t.wire.meet(int16(binary.BigEndian.Uint16(frame[4:6]))); met {
				if what.before {
					t.Conn.Close()
					return 0, io.EOF
				}
				t.mutex.Lock()
				t.due[binary.BigEndian.Uint32(frame[8:12])] = what
				t.mutex.Unlock()
			}
		}
		t.pending = frame
	}
	copied := copy(into, t.pending)
	t.pending = t.pending[copied:]
	return copied, nil
}

func (t *tap) Write(response []byte) (int, error) {
	if len(response) >= 8 {
		correlation := binary.BigEndian.Uint32(response[4:8])
		t.mutex.Lock()
		what, met := t.due[correlation]
		delete(t.due, correlation)
		t.mutex.Unlock()
		if met && what.after {
			t.Conn.Close()
			return 0, io.ErrClosedPipe
		}
		if met {
			time.Sleep(what.wait)
		}
	}
	return t.Conn.Write(response)
}

// Whether a request's header names one of the clients under test.
func isOurs(frame []byte) bool {
	if len(frame) < 14 {
		return false
	}
	length := int(int16(binary.BigEndian.Uint16(frame[12:14])))
	return length > 0 && len(frame) >= 14+length && strings.HasPrefix(string(frame[14:14+length]), clientPrefix)
}
