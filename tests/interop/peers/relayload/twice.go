// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"log"
	"time"

	"tailscale.com/derp"
	"tailscale.com/types/key"
)

// twice connects several clients with one key, and tells which of them gets
// what is sent to the key. The stock server gives it to the one that spoke last
// (or came last), and tells others that the key is gone when the last one left.
type twice struct {
	*target
	alice *client
	key   key.NodePrivate
	got   chan string                  // "NAME TEXT": a packet arrived
	gone  chan derp.PeerGoneReasonType // Alice heard that the key is gone
	sent  int
}

func runTwice(t *target, s *server) (result, error) {
	w := &twice{target: t, key: key.NewNode(), got: make(chan string, 100), gone: make(chan derp.PeerGoneReasonType, 10)}
	var err error
	if w.alice, err = t.join(); err != nil {
		return nil, err
	}
	go w.listen()
	r, rows := result{"ok": true}, []result{}
	note := func(what, want, did string) {
		ok := did == want
		log.Printf("%-40s %s (want %s)", what, did, want)
		rows = append(rows, result{"what": what, "want": want, "did": did, "ok": ok})
		if !ok {
			r["ok"] = false
		}
	}

	first, err := w.come("first")
	if err != nil {
		return nil, err
	}
	note("one connection", "first", w.arrivesAt())
	second, err := w.come("second")
	if err != nil {
		return nil, err
	}
	note("another one comes", "second", w.arrivesAt())
	note("the first speaks", "first", w.after(first.Send(w.alice.PublicKey(), []byte("hello"))))
	note("the second prefers this relay", "second", w.after(second.NotePreferred(true)))
	note("the first pings", "first", w.after(first.SendPing([8]byte{1})))
	third, err := w.come("third")
	if err != nil {
		return nil, err
	}
	note("a third one comes", "third", w.arrivesAt())
	third.raw.Close()
	note("the third goes", "first", w.arrivesAt())
	first.raw.Close()
	note("the first goes", "second", w.arrivesAt())
	note("is the key gone?", "no", w.isGone(patience/10))
	note("the last one speaks", "second", w.after(second.Send(w.alice.PublicKey(), []byte("hello"))))
	second.raw.Close()
	note("the last one goes: is the key gone?", "yes: 0", w.isGone(patience))
	r["rows"], r["server_processes_gone"] = rows, s.gone()
	return r, nil
}

// come connects one more client with the key, and reports what it gets.
func (w *twice) come(name string) (*client, error) {
	c, err := w.upgrade()
	if err != nil {
		return nil, err
	}
	defer c.cutAfter(connectTimeout).Stop()
	if c.Client, err = derp.NewClient(w.key, c.conn, c.brw, log.Printf); err == nil {
		err = awaitInfo(c.Recv)
	}
	if err != nil {
		return nil, err
	}
	go each(c.Recv, func(p derp.ReceivedPacket) { w.got <- name + " " + string(p.Data) })
	return c, nil
}

// listen is Alice.
func (w *twice) listen() {
	for {
		m, err := w.alice.Recv()
		if err != nil {
			return
		}
		if m, ok := m.(derp.PeerGoneMessage); ok {
			w.gone <- m.Reason
		}
	}
}

// arrivesAt tells who gets a packet for the key. What the server had for one
// that left is lost: so it is sent until one arrives.
func (w *twice) arrivesAt() string {
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		w.sent++
		text := fmt.Sprint("packet ", w.sent)
		if err := w.alice.Send(w.key.Public(), []byte(text)); err != nil {
			return err.Error()
		}
		for late := time.After(patience / 10); ; {
			select {
			case got := <-w.got:
				for _, name := range []string{"first", "second", "third"} {
					if got == name+" "+text {
						return name
					}
				}
				continue // an older one
			case <-late:
			}
			break
		}
	}
	return "nobody"
}

// after is arrivesAt once the server has seen what a client just sent.
func (w *twice) after(err error) string {
	if err != nil {
		return err.Error()
	}
	time.Sleep(patience / 10)
	return w.arrivesAt()
}

func (w *twice) isGone(limit time.Duration) string {
	select {
	case reason := <-w.gone:
		return fmt.Sprintf("yes: %d", reason)
	case <-time.After(limit):
		return "no"
	}
}
