// SPDX-License-Identifier: ISC

package main

import (
	"bytes"
	"encoding/binary"
	"log"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"tailscale.com/derp"
	"tailscale.com/derp/derphttp"
	"tailscale.com/types/key"
)

const (
	headLen    = 16              // of a payload: u64 sequence number, u64 send time (ns since epoch)
	stallAfter = time.Second     // nothing acknowledged for so long: all in flight is lost
	drainLimit = 2 * time.Second // how long the last frames may take
)

// pair is two stock clients: A sends, B receives and acknowledges.
type pair struct {
	a, b    *derphttp.Client
	window  chan struct{}   // one token for each frame in flight
	next    uint64          // sequence number that B expects
	latency []time.Duration // of each frame received while measuring

	sent, received atomic.Int64
	wrong          atomic.Int64 // other source, size or content, repeated or out of order
}

// What all pairs share.
var (
	epoch     = time.Now()          // send times count from here, monotonic
	measuring atomic.Bool           // B notes latencies
	stop      = make(chan struct{}) // closed: A sends no more
	broken    atomic.Int64          // connections that ended before that
)

func runPairs(t *target, s *server) (result, error) {
	if err := allowFiles(2**pairCount + 256); err != nil {
		return nil, err
	}
	pairs := make([]*pair, *pairCount)
	for i := range pairs {
		p := &pair{window: make(chan struct{}, *window)}
		var err error
		if p.a, err = t.stock(); err != nil {
			return nil, err
		}
		if p.b, err = t.stock(); err != nil {
			return nil, err
		}
		pairs[i] = p
	}
	payload := bytes.Repeat([]byte("relay"), *frameSize/5+1)[:*frameSize]
	for _, p := range pairs {
		from := p.a.SelfPublicKey()
		go func() { ended(p.send(bytes.Clone(payload))) }()
		go func() { ended(each(p.a.Recv, func(derp.ReceivedPacket) {})) }() // every client must read
		go func() { ended(each(p.b.Recv, func(f derp.ReceivedPacket) { p.got(f, from, payload) })) }()
	}
	log.Printf("%d pairs connected; measuring %g s after %g s", len(pairs), *seconds, *warmup)
	time.Sleep(span(*warmup))

	_, already := count(pairs)
	began, cpu, own := time.Now(), s.cpu(), ownCPU()
	measuring.Store(true)
	time.Sleep(span(*seconds))
	measuring.Store(false)
	took := time.Since(began).Seconds()
	cpu, own = s.cpu()-cpu, ownCPU()-own
	sent, received := count(pairs)
	frames, mem := received-already, s.memory()
	perSecond, perCPU := float64(frames)/took, 0.0
	if s.gone() == 0 && cpu > 0 { // the CPU time of a dead process may be missing
		perCPU = float64(frames) / cpu.Seconds()
	}

	close(stop)
	for limit := time.Now().Add(drainLimit); time.Now().Before(limit); {
		time.Sleep(20 * time.Millisecond)
		if sent, received = count(pairs); sent == received {
			break
		}
	}
	var wrong int64
	var latency []time.Duration
	for _, p := range pairs {
		p.a.Close()
		p.b.Close()
		wrong += p.wrong.Load()
		latency = append(latency, p.latency...)
	}
	slices.Sort(latency)
	micros := func(quantile float64) float64 {
		if len(latency) == 0 {
			return 0
		}
		return float64(latency[int(quantile*float64(len(latency)-1))].Nanoseconds()) / 1e3
	}
	return result{
		"ok":                           sent == received && wrong == 0 && broken.Load() == 0 && s.gone() == 0,
		"seconds":                      took,
		"frames":                       frames,
		"frames_per_second":            perSecond,
		"payload_mbit_per_second":      perSecond * float64(*frameSize) * 8 / 1e6,
		"server_cpu_seconds":           cpu.Seconds(),
		"client_cpu_seconds":           own.Seconds(),
		"frames_per_server_cpu_second": perCPU,
		"latency_p50_us":               micros(0.50),
		"latency_p99_us":               micros(0.99),
		"sent":                         sent, // with warm-up, as those below
		"received":                     received,
		"lost":                         sent - received,
		"wrong":                        wrong,
		"broken_connections":           broken.Load(),
		"server_processes_gone":        s.gone(),
		"memory_under_load":            mem,
	}, nil
}

// ended notes that a part of a pair ended, with the reason if it failed.
func ended(err error) {
	select {
	case <-stop: // as planned
	default:
		broken.Add(1)
		log.Print(err)
	}
}

// send is A: numbered frames, each when its time has come and the window has room.
func (p *pair) send(buf []byte) error {
	to, began := p.b.SelfPublicKey(), time.Now()
	for seq := 0; ; seq++ {
		if *rate > 0 {
			time.Sleep(time.Until(began.Add(span(float64(seq) / *rate))))
		}
		select {
		case <-stop:
			return nil
		case p.window <- struct{}{}:
		case <-time.After(stallAfter): // all in flight is lost: begin anew
			p.release(cap(p.window))
		}
		binary.BigEndian.PutUint64(buf, uint64(seq))
		binary.BigEndian.PutUint64(buf[8:], uint64(time.Since(epoch)))
		p.sent.Add(1)
		if err := p.a.Send(to, buf); err != nil {
			return err
		}
	}
}

// release gives n places in the window back, as far as they are taken.
func (p *pair) release(n int) {
	for range n {
		select {
		case <-p.window:
		default:
			return
		}
	}
}

// got is B: checks a frame, notes how long it took, acknowledges it. A gap in
// the numbers is acknowledged too: those are lost, since relays keep the order.
func (p *pair) got(f derp.ReceivedPacket, from key.NodePublic, want []byte) {
	if f.Source != from || len(f.Data) != len(want) || !bytes.Equal(f.Data[headLen:], want[headLen:]) ||
		binary.BigEndian.Uint64(f.Data) < p.next {
		p.wrong.Add(1)
		return
	}
	if measuring.Load() {
		sent := time.Duration(binary.BigEndian.Uint64(f.Data[8:]))
		p.latency = append(p.latency, time.Since(epoch)-sent)
	}
	seq := binary.BigEndian.Uint64(f.Data)
	p.release(int(seq - p.next + 1))
	p.next = seq + 1
	p.received.Add(1)
}

// count adds up the pairs. It reads received first, so it is never above sent.
func count(pairs []*pair) (sent, received int64) {
	for _, p := range pairs {
		received += p.received.Load()
		sent += p.sent.Load()
	}
	return sent, received
}

// ownCPU is the CPU time of this program.
func ownCPU() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
