// SPDX-License-Identifier: ISC

// Nodeload simulates many stock nodes in one process against a coordination
// server that speaks Tailscale's control protocol (ts2021), and measures the
// server.
//
//	nodeload -server URL -authkey KEY -nodes N -pid PID [flags] MODE[,MODE ...] [flags]
//
// First N nodes join, each with keys and a Noise connection of its own, and the
// server is left alone until it has been quiet for -settle. Then come the modes,
// one after the other:
//
//	join       nothing more
//	change     run -command, which changes the policy, and see when each node
//	           gets a packet filter other than the one it had
//	churn      join one node more and see when all others are told of it
//	endpoint   change one node's endpoints and see when all others are told
//	reconnect  cut all connections at once and see when all are back
//	hold       stay connected for -seconds and count what the server sends
//
// One JSON object goes to standard output, progress and the errors of single
// nodes to standard error. The exit status is 0 if all nodes joined, all were
// told, each had an address that no other has, and after every mode each knew
// all others. Start each run on a server without nodes: those of earlier runs
// count as peers and cost memory.
//
// In the output, every stretch (the joining, and the mode) lasts until the
// server has been quiet again, and has what it cost: "server_cpu_s" and the
// like over the process tree, "tool_cpu_s" for this program, "count" over all
// nodes (a counter that is not there is 0; a MapResponse may count in several).
// "from_start_ms" and "from_end_ms" say when the nodes were told, since the
// start of the stretch and since the end ("took_ms") of the command, update or
// extra join.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"tailscale.com/control/tsp"
)

type options struct {
	server, authKey, command, field          string
	nodes, pid, parallel, endpoints, seconds int
	reconnectParallel                        int
	settle, wait, timeout                    time.Duration
	sources                                  []net.IP
}

// parseFlags reads flags before and after the mode.
func parseFlags() (o options, names []string) {
	flag.StringVar(&o.server, "server", "http://127.0.0.1:8080", "`URL` of the server")
	flag.StringVar(&o.authKey, "authkey", "", "reusable auth `key`")
	flag.IntVar(&o.nodes, "nodes", 10, "how many nodes to simulate")
	flag.IntVar(&o.pid, "pid", 0, "process `ID` of the server; 0: do not measure it")
	flag.IntVar(&o.parallel, "join-parallel", 8, "how many nodes join at the same time")
	flag.IntVar(&o.reconnectParallel, "reconnect-parallel", 0, "how many nodes reconnect at the same time; 0: as many as join")
	flag.IntVar(&o.endpoints, "endpoints", 2, "endpoints of each node")
	sources := flag.String("sources", "", "local `addresses` to dial from, separated by commas, used in turn")
	flag.DurationVar(&o.settle, "settle", 2*time.Second, "the fleet has settled when without news for so long")
	flag.DurationVar(&o.wait, "wait", time.Minute, "longest wait for the fleet to settle or to be told")
	flag.DurationVar(&o.timeout, "timeout", 10*time.Minute, "longest run")
	flag.StringVar(&o.command, "command", "", "change: shell `command` that changes the policy")
	flag.StringVar(&o.field, "field", "packetfilter", "change: told by a new `packetfilter`, or by any message")
	flag.Bool("one", true, "churn: one node more joins (there is no other kind)")
	flag.IntVar(&o.seconds, "seconds", 60, "hold: how long")
	flag.Parse()
	text := flag.Arg(0)
	names = strings.Split(text, ",")
	if flag.NArg() > 1 {
		flag.CommandLine.Parse(flag.Args()[1:])
	}
	if o.reconnectParallel == 0 {
		o.reconnectParallel = o.parallel
	}

	bad := flag.NArg() > 0 && flag.Arg(0) != text ||
		o.nodes < 1 || o.nodes > 65535 || o.parallel < 1 || o.reconnectParallel < 1 ||
		o.endpoints < 0 || o.endpoints > 255 ||
		slices.Contains(names, "change") && o.command == "" || o.field != "packetfilter" && o.field != "any"
	for _, name := range names {
		_, known := modes[name]
		bad = bad || !known
	}
	for _, s := range strings.FieldsFunc(*sources, func(r rune) bool { return r == ',' }) {
		ip := net.ParseIP(s)
		bad = bad || ip == nil
		o.sources = append(o.sources, ip)
	}
	if bad {
		fmt.Fprintln(os.Stderr, "usage: nodeload [flags]", slices.Sorted(maps.Keys(modes)), "[flags]")
		flag.PrintDefaults()
		os.Exit(2)
	}
	o.server = strings.TrimSuffix(o.server, "/")
	return o, names
}

// object is a JSON object of the output.
type object map[string]any

func round(x float64) float64 { return math.Round(x*1e3) / 1e3 }

func ms(d time.Duration) float64 { return round(d.Seconds() * 1e3) }

// distribution sums up how long something took the nodes, in milliseconds.
func distribution(nodes []*node, took func(*node) time.Duration) object {
	if len(nodes) == 0 {
		return object{"n": 0}
	}
	var ds []time.Duration
	var sum time.Duration
	for _, n := range nodes {
		ds = append(ds, took(n))
		sum += took(n)
	}
	slices.Sort(ds)
	rank := func(q float64) float64 { return ms(ds[int(math.Ceil(q*float64(len(ds))))-1]) } // nearest rank
	return object{"n": len(ds), "mean": ms(sum / time.Duration(len(ds))), "p50": rank(0.50), "p99": rank(0.99), "max": rank(1)}
}

// measure does something, waits until the fleet has settled, and writes down
// what both together have cost.
func (f *fleet) measure(do mode, out object) (err error) {
	var before, after usage
	if f.opts.pid != 0 {
		if before, err = treeUsage(f.opts.pid); err != nil {
			return err
		}
	}
	f.mu.Lock()
	counters := maps.Clone(f.counters)
	f.mu.Unlock()
	tool, start := ownCPU(), time.Now()

	if err := do(f, start, out); err != nil {
		return err
	}
	out["settled"] = f.settle()
	out["last_news_s"] = round(max(0, time.Unix(0, f.lastNews.Load()).Sub(start).Seconds()))
	out["tool_cpu_s"] = round(ownCPU() - tool)

	f.mu.Lock()
	defer f.mu.Unlock()
	perNode := func(x float64) float64 { return round(x / float64(len(f.nodes))) }
	for name, n := range f.counters {
		counters[name] = n - counters[name]
	}
	out["count"] = counters
	out["rx_bytes_per_node"] = perNode(float64(counters["rx_bytes"]))
	if f.opts.pid != 0 {
		if after, err = treeUsage(f.opts.pid); err != nil {
			return err
		}
		out["server_before"], out["server_after"] = before, after
		out["server_cpu_s"] = round(float64(after.CPU-before.CPU) / 1e3)
		out["server_cpu_ms_per_node"] = perNode(float64(after.CPU - before.CPU))
		out["server_rss_kb_per_node"] = perNode(float64(after.RSS - before.RSS))
		out["server_pss_kb_per_node"] = perNode(float64(after.PSS - before.PSS))
	}
	return nil
}

// peersSeen tells how many peers the nodes see. If the policy hides nobody
// and the server had no nodes before, each sees all others.
func (f *fleet) peersSeen() object {
	var seen []int
	sum := 0
	for _, n := range f.nodes {
		n.mu.Lock()
		seen = append(seen, len(n.peers))
		sum += len(n.peers)
		n.mu.Unlock()
	}
	last := len(seen) - 1 // in the order of joining
	return object{"first": seen[0], "last": seen[last], "min": slices.Min(seen), "max": slices.Max(seen),
		"mean": round(float64(sum) / float64(len(seen))), "expected": last}
}

// addresses tells whether each node has addresses, and no two the same.
func (f *fleet) addresses() object {
	owners := map[string]int{}
	without := 0
	for _, n := range f.nodes {
		n.mu.Lock()
		if len(n.addresses) == 0 {
			without++
		}
		for _, a := range n.addresses {
			owners[a]++
		}
		n.mu.Unlock()
	}
	duplicate := 0
	for _, count := range owners {
		if count > 1 {
			duplicate++
		}
	}
	return object{"distinct": len(owners), "duplicate": duplicate, "nodes_without": without}
}

// run does the modes and reports whether all nodes joined, all were told, and
// none missed a peer or shares an address.
func (f *fleet) run(names []string, out object) (ok bool, err error) {
	if f.serverKey, err = tsp.DiscoverServerKey(f.ctx, f.opts.server); err != nil {
		return false, err
	}
	join := object{}
	out["join"] = join
	if err := f.measure(joinAll, join); err != nil {
		return false, err
	}
	ok = join["joined"] == f.opts.nodes
	f.progress("settled: %v, CPU seconds: server %v, this program %v", join["settled"], join["server_cpu_s"], join["tool_cpu_s"])
	check := func(stretch object) {
		seen := f.peersSeen()
		stretch["peers_seen"] = seen
		addresses := f.addresses()
		out["addresses"] = addresses
		ok = ok && seen["min"] == seen["expected"] && seen["max"] == seen["expected"] &&
			addresses["duplicate"] == 0 && addresses["nodes_without"] == 0
	}
	check(join)
	for _, name := range names {
		if modes[name] == nil {
			continue
		}
		event := object{"missing": 0}
		out[name] = event
		if err := f.measure(modes[name], event); err != nil {
			return false, err
		}
		check(event)
		ok = ok && event["missing"] == 0
		f.progress("%s: missing %v, CPU seconds: server %v, this program %v", name, event["missing"], event["server_cpu_s"], event["tool_cpu_s"])
	}
	return ok, f.ctx.Err()
}

func main() {
	opts, names := parseFlags()
	debug.SetGCPercent(400) // memory is cheaper here than CPU time
	if err := raiseNoFile(uint64(2*opts.nodes + 256)); err != nil {
		fmt.Fprintln(os.Stderr, "nodeload: open files:", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), opts.timeout)
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()

	f := &fleet{
		ctx:      ctx,
		opts:     opts,
		name:     fmt.Sprintf("load%04x", rand.IntN(1<<16)),
		slots:    make(chan struct{}, opts.parallel),
		again:    make(chan struct{}, opts.reconnectParallel),
		counters: map[string]int{},
	}
	out := object{"modes": names, "server": opts.server, "nodes": opts.nodes}
	ok, err := f.run(names, out)
	if err != nil {
		out["error"] = err.Error()
	}
	out["ok"] = ok && err == nil
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", text)
	if out["ok"] != true {
		os.Exit(1)
	}
}
