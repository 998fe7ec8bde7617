// SPDX-License-Identifier: ISC

package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tailscale.com/types/key"
)

// A fleet is all the simulated nodes and what they have in common.
type fleet struct {
	ctx       context.Context
	opts      options
	name      string // first part of all hostnames, new in each run
	serverKey key.MachinePublic
	slots     chan struct{} // holds one for each node that is joining
	again     chan struct{} // and one for each that is reconnecting

	lastNews atomic.Int64                    // Unix ns of the last MapResponse but for keep-alives
	match    atomic.Pointer[func(news) bool] // what the nodes are to be told

	mu       sync.Mutex // guards what follows
	nodes    []*node    // those that have joined, in the order they did
	counters map[string]int
}

// add adds to a counter.
func (f *fleet) add(counter string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counters[counter] += n
}

// fail notes an error that leaves the rest of the fleet running.
func (f *fleet) fail(n *node, counter string, err error) {
	f.add(counter, 1)
	f.progress("node %d: %v", n.index, err)
}

// progress writes a line to standard error.
func (f *fleet) progress(format string, args ...any) {
	fmt.Fprintln(os.Stderr, time.Now().Format("15:04:05.000"), fmt.Sprintf(format, args...))
}

// settle waits until no node has had news for -settle, for -wait at most,
// and reports whether it came to that.
func (f *fleet) settle() bool {
	start := time.Now()
	for f.ctx.Err() == nil && time.Since(start) < f.opts.wait+f.opts.settle {
		quiet := min(time.Since(start), time.Since(time.Unix(0, f.lastNews.Load())))
		if quiet >= f.opts.settle {
			return true
		}
		time.Sleep(min(f.opts.settle-quiet, time.Second))
	}
	return false
}

// A mode does something to the settled fleet, from start on, and writes down
// what came of it.
type mode func(f *fleet, start time.Time, out object) error

var modes = map[string]mode{
	"join":      nil, // joinAll comes before every mode, and is all of this one
	"change":    change,
	"churn":     churn,
	"endpoint":  endpoint,
	"reconnect": reconnect,
	"hold":      hold,
}

// joinAll joins -nodes nodes, -join-parallel of them at a time.
func joinAll(f *fleet, start time.Time, out object) error {
	var wg sync.WaitGroup
	for i := range f.opts.nodes {
		f.slots <- struct{}{}
		if f.ctx.Err() != nil {
			break
		}
		if i%50 == 0 {
			f.progress("joining node %d of %d", i, f.opts.nodes)
		}
		wg.Go(func() {
			defer func() { <-f.slots }()
			n, err := f.newNode(i)
			if err == nil {
				err = n.join()
			}
			if err != nil {
				f.fail(n, "join_failed", err)
				return
			}
			f.mu.Lock()
			f.nodes = append(f.nodes, n)
			f.mu.Unlock()
		})
	}
	wg.Wait()
	out["all_s"] = round(time.Since(start).Seconds())
	if len(f.nodes) == 0 {
		return fmt.Errorf("no node joined")
	}
	out["joined"] = len(f.nodes)
	out["each_ms"] = distribution(f.nodes, func(n *node) time.Duration { return n.registered + n.mapped })
	out["register_ms"] = distribution(f.nodes, func(n *node) time.Duration { return n.registered })
	out["first_map_ms"] = distribution(f.nodes, func(n *node) time.Duration { return n.mapped })
	return nil
}

// expect says what the nodes are to be told.
func (f *fleet) expect(match func(news) bool) {
	for _, n := range f.nodes {
		n.mu.Lock()
		n.told = time.Time{}
		n.mu.Unlock()
	}
	f.match.Store(&match)
}

// await waits until all of nodes have been told, for -wait at most, and
// writes down when they were: since the start, and since now, which is the
// end of the command or request. Below zero, they were told before that.
func (f *fleet) await(nodes []*node, start time.Time, out object) {
	now := time.Now()
	var told []*node
	for len(told) < len(nodes) && f.ctx.Err() == nil && time.Since(now) < f.opts.wait {
		time.Sleep(10 * time.Millisecond)
		told = slices.DeleteFunc(slices.Clone(nodes), func(n *node) bool {
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.told.IsZero()
		})
	}
	f.match.Store(nil)
	out["took_ms"] = ms(now.Sub(start))
	out["from_start_ms"] = distribution(told, func(n *node) time.Duration { return n.told.Sub(start) })
	out["from_end_ms"] = distribution(told, func(n *node) time.Duration { return n.told.Sub(now) })
	out["missing"] = len(nodes) - len(told)
}

// change runs -command, which is to change the policy.
func change(f *fleet, start time.Time, out object) error {
	f.expect(func(is news) bool { return is.filter || f.opts.field == "any" })
	cmd := exec.CommandContext(f.ctx, "sh", "-c", f.opts.command)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("-command: %w", err)
	}
	f.await(f.nodes, start, out)
	return nil
}

// churn joins one node more.
func churn(f *fleet, start time.Time, out object) error {
	extra, err := f.newNode(f.opts.nodes)
	if err != nil {
		return err
	}
	name := []byte(extra.key.Public().String()) // it is in whatever tells of the node
	f.expect(func(is news) bool { return bytes.Contains(is.text, name) })
	if err := extra.join(); err != nil {
		return err
	}
	f.await(f.nodes, start, out)
	out["extra_register_ms"], out["extra_first_map_ms"] = ms(extra.registered), ms(extra.mapped)
	f.nodes = append(f.nodes, extra)
	return nil
}

// endpoint gives one node an endpoint that no other has.
func endpoint(f *fleet, start time.Time, out object) error {
	ip := netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + rand.IntN(254))})
	ep := netip.AddrPortFrom(ip, uint16(20000+rand.IntN(20000)))
	text := []byte(`"` + ep.String() + `"`)
	f.expect(func(is news) bool { return bytes.Contains(is.text, text) })
	mover := f.nodes[0]
	mover.mu.Lock()
	mover.endpoints = append(slices.Clone(mover.endpoints[:max(len(mover.endpoints)-1, 0)]), ep)
	mover.mu.Unlock()
	if err := mover.update(); err != nil {
		return err
	}
	f.await(f.nodes[1:], start, out)
	return nil
}

// reconnect cuts all connections; the nodes open them again by themselves. How
// fair the server was: "order" is the rank correlation between when the nodes
// asked and when they had their map, 1 for first come, first served; and how
// many were overtaken by more than a tenth of the fleet.
func reconnect(f *fleet, start time.Time, out object) error {
	f.expect(func(is news) bool { return is.first })
	for _, n := range f.nodes {
		n.cut()
	}
	f.await(f.nodes, start, out)
	asked, served := ranks(f.nodes, func(n *node) time.Time { return n.asked }),
		ranks(f.nodes, func(n *node) time.Time { return n.told })
	count, sum, late := float64(len(f.nodes)), 0.0, 0
	for n, rank := range asked {
		by := float64(served[n] - rank)
		sum += by * by
		if by > count/10 {
			late++
		}
	}
	out["order"] = round(1 - 6*sum/(count*(count*count-1)))
	out["overtaken"] = late
	return nil
}

// ranks numbers the nodes by a time of theirs.
func ranks(nodes []*node, when func(*node) time.Time) map[*node]int {
	times := map[*node]time.Time{}
	for _, n := range nodes {
		n.mu.Lock()
		times[n] = when(n)
		n.mu.Unlock()
	}
	sorted := slices.Clone(nodes)
	slices.SortStableFunc(sorted, func(a, b *node) int { return times[a].Compare(times[b]) })
	rank := map[*node]int{}
	for i, n := range sorted {
		rank[n] = i
	}
	return rank
}

// hold stays connected.
func hold(f *fleet, start time.Time, _ object) error {
	f.progress("holding for %d s", f.opts.seconds)
	select {
	case <-time.After(time.Duration(f.opts.seconds) * time.Second):
	case <-f.ctx.Done():
	}
	return f.ctx.Err()
}
