// SPDX-License-Identifier: ISC

package main

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"time"

	"tailscale.com/derp"
	"tailscale.com/disco"
	"tailscale.com/types/key"
)

const (
	patience  = 3 * time.Second // for any answer
	floodSize = 16 << 10        // payload bytes
	floodMax  = 200_000         // frames
)

// hostile is what the attacks share: the server, and two well-behaved clients
// that joined before.
type hostile struct {
	*target
	s          *server
	alice, bob *client
}

// attacks, in the order in which they run. Each reports what the server did:
// "closed" the connection, "kept" serving it, was "silent", or as said. That
// should be as in want, unless this is empty: then the protocol leaves it open.
var attacks = []struct {
	name, want string
	run        func(h *hostile) (did, detail string, err error)
}{
	{"oversized_packet", "closed", frames(true, func(h *hostile, c *client) error {
		return c.frame(derp.FrameSendPacket, 16<<20, h.bob.PublicKey().AppendTo(nil), make([]byte, 1<<20))
	})},
	{"unknown_frame_type", "kept", frames(true, func(h *hostile, c *client) error {
		return c.frame(0x7f, 100, make([]byte, 100))
	})},
	{"unknown_key", "kept", frames(true, func(h *hostile, c *client) error {
		nobody := key.NewNode().Public() // derper tells the sender of discovery frames only
		return errors.Join(c.Send(nobody, []byte("plain")), c.Send(nobody, append([]byte(disco.Magic), make([]byte, 100)...)))
	})},
	{"close_peer_without_mesh_key", "", frames(true, func(h *hostile, c *client) error {
		return c.ClosePeer(h.bob.PublicKey())
	})},
	{"forward_without_mesh_key", "", frames(true, func(h *hostile, c *client) error {
		return c.ForwardPacket(h.alice.PublicKey(), h.bob.PublicKey(), []byte("forged"))
	})},
	{"oversized_client_info", "closed", frames(false, func(h *hostile, c *client) error {
		return c.frame(derp.FrameClientInfo, 0xffffffff, make([]byte, 64<<10))
	})},
	{"wrong_client_info_box", "closed", frames(false, func(h *hostile, c *client) error {
		return c.frame(derp.FrameClientInfo, 132, key.NewNode().Public().AppendTo(nil), []byte(rand.Text()), make([]byte, 74))
	})},
	{"client_info_of_another_key", "closed", frames(false, func(h *hostile, c *client) error { // claims to be Bob
		box := key.NewNode().SealTo(h.bob.ServerPublicKey(), []byte(`{"version":2}`))
		return c.frame(derp.FrameClientInfo, 32+len(box), h.bob.PublicKey().AppendTo(nil), box)
	})},
	{"half_tls_handshakes", "", halfTLS},
	{"garbage_for_tls", "closed", func(h *hostile) (string, string, error) {
		return h.speak(false, bytes.Repeat([]byte("garbage\r\n"), 100))
	}},
	{"garbage_for_http", "closed", func(h *hostile) (string, string, error) {
		return h.speak(true, []byte("\x00\x01 garbage\r\n\r\n"))
	}},
	{"huge_http_header", "closed", func(h *hostile) (string, string, error) {
		return h.speak(true, append([]byte("GET /derp HTTP/1.1\r\nX: "), bytes.Repeat([]byte("x"), 4<<20)...))
	}},
	{"client_that_never_reads", "bounded", neverReads},
}

func runHostile(t *target, s *server) (result, error) {
	h := &hostile{target: t, s: s}
	if err := h.meet(); err != nil {
		return nil, err
	}
	r, rows := result{"ok": true, "memory_before": s.memory()}, []result{}
	for _, a := range attacks {
		did, detail, err := a.run(h)
		if err != nil {
			did, detail = "error", err.Error()
		}
		alive, echo := h.s.gone() == 0, h.echo()
		ok := alive && echo && err == nil && (a.want == "" || did == a.want)
		log.Printf("%-27s %s; alive %v, echo %v, ok %v", a.name, did, alive, echo, ok)
		rows = append(rows, result{"attack": a.name, "want": a.want, "did": did, "detail": detail,
			"server_alive": alive, "others_echo": echo, "ok": ok, "memory": s.memory()})
		if !ok { // give the next one a fair start
			r["ok"] = false
			if h.s, err = newServer(s.root); err != nil || h.meet() != nil {
				log.Print("the server serves no more: left out what comes after this")
				break
			}
		}
	}
	r["attacks"] = rows
	return r, nil
}

// meet connects Alice and Bob.
func (h *hostile) meet() (err error) {
	if h.alice, err = h.join(); err == nil {
		h.bob, err = h.join()
	}
	return err
}

// echo tells whether Alice and Bob still reach each other, and get nothing else.
func (h *hostile) echo() bool { return hop(h.alice, h.bob) && hop(h.bob, h.alice) }

func hop(from, to *client) (arrived bool) {
	text := rand.Text()
	defer from.cutAfter(patience).Stop()
	defer to.cutAfter(patience).Stop()
	if from.Send(to.PublicKey(), []byte(text)) != nil {
		return false
	}
	for {
		m, err := to.Recv()
		if p, ok := m.(derp.ReceivedPacket); ok || err != nil {
			return err == nil && p.Source == from.PublicKey() && string(p.Data) == text
		}
	}
}

// frames makes an attack of what a client sends once it has joined or, if it
// shall not join, in place of its client info.
func frames(join bool, attack func(h *hostile, c *client) error) func(*hostile) (string, string, error) {
	return func(h *hostile) (string, string, error) {
		c, err := h.upgrade()
		if err == nil && join {
			err = c.join()
		}
		if err != nil {
			return "", "", err
		}
		defer c.raw.Close()
		c.conn.SetDeadline(time.Now().Add(patience))
		if err = attack(h, c); err != nil {
			return fate(err), err.Error(), nil
		}
		if !join {
			_, err = io.Copy(io.Discard, c.conn)
			return fate(errors.Join(err, io.EOF)), "", nil
		}
		time.Sleep(patience / 10) // let the server answer before the ping
		before, err := c.ping(patience)
		return fate(err), fmt.Sprintf("%+v", before), nil
	}
}

// fate reads from an error of a connection what the server did with it.
func fate(err error) string {
	switch {
	case err == nil:
		return "kept"
	case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded): // that was us
		return "silent"
	}
	return "closed"
}

// frame writes a frame that may claim any type and length.
func (c *client) frame(t derp.FrameType, length int, payload ...[]byte) error {
	derp.WriteFrameHeader(c.brw.Writer, t, uint32(length))
	c.brw.Write(bytes.Join(payload, nil))
	return c.brw.Flush() // which returns the first error
}

// speak sends raw bytes, inside TLS or not. The detail is what the server answers.
func (h *hostile) speak(secure bool, what []byte) (string, string, error) {
	conn, err := h.tcp()
	if err != nil {
		return "", "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if secure {
		conn = tls.Client(conn, h.tls)
	}
	_, err = conn.Write(what)
	answer, err2 := io.ReadAll(conn)
	line, _, _ := bytes.Cut(answer, []byte("\n"))
	return fate(errors.Join(err, err2, io.EOF)), fmt.Sprintf("%.80q", line), nil
}

// halfTLS opens connections that stop in the middle of the TLS client hello.
func halfTLS(h *hostile) (string, string, error) {
	const many = 50
	hello := append([]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, make([]byte, 200)...) // 211 of 517 bytes
	for range many {
		conn, err := h.tcp()
		if err != nil {
			return "", "", err
		}
		defer conn.Close()
		conn.Write(hello)
	}
	c, err := h.join()
	if err != nil {
		return "", "", fmt.Errorf("with %d half open, joining: %w", many, err)
	}
	c.raw.Close()
	return "kept", fmt.Sprintf("with %d half open, another client joined; echo %v", many, h.echo()), nil
}

// neverReads floods a client that does not read, and watches the server's memory.
func neverReads(h *hostile) (string, string, error) {
	deaf, err := h.join()
	if err != nil {
		return "", "", err
	}
	defer deaf.raw.Close()
	source, err := h.join()
	if err != nil {
		return "", "", err
	}
	defer source.cutAfter(span(*flood)).Stop()
	defer source.raw.Close()

	before := h.s.memory()
	sent := make(chan int)
	go func() {
		n, to, packet := 0, deaf.PublicKey(), make([]byte, floodSize)
		for n < floodMax && source.Send(to, packet) == nil {
			n++
		}
		sent <- n
	}()
	peak, echoes, tries, did := before, 0, 0, "bounded"
	for {
		select {
		case n := <-sent:
			if peak.PSS-before.PSS > *maxGrowth {
				did = "grew"
			}
			return did, fmt.Sprintf("%d frames of %d B sent; pss_kb before %d, peak %d, after %d; echo meanwhile %d of %d",
				n, floodSize, before.PSS, peak.PSS, h.s.memory().PSS, echoes, tries), nil
		case <-time.After(50 * time.Millisecond):
			if m := h.s.memory(); m.PSS > peak.PSS {
				peak = m
			}
			if tries++; h.echo() {
				echoes++
			}
		}
	}
}
