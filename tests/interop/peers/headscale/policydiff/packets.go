// SPDX-License-Identifier: ISC

package main

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/juanfont/headscale/hscontrol/util"
	"go4.org/netipx"
	"tailscale.com/tailcfg"
	"tailscale.com/types/ipproto"
	"tailscale.com/types/logger"
	"tailscale.com/wgengine/filter"
)

// How many of each there are in a world at most.
const (
	maxSources = 24
	maxTargets = 8
	maxProbes  = 16
)

var everything = func() *netipx.IPSet {
	var b netipx.IPSetBuilder
	b.AddPrefix(netip.MustParsePrefix("0.0.0.0/0"))
	b.AddPrefix(netip.MustParsePrefix("::/0"))
	s, _ := b.IPSet()
	return s
}()

// The filter that a stock node makes of these rules, as if every address were
// its own: here it is about the rules alone.
func stockFilter(rules []tailcfg.FilterRule) (*filter.Filter, error) {
	matches, err := filter.MatchesFromFilterRules(rules)
	if err != nil {
		return nil, err
	}
	return filter.New(matches, nil, everything, everything, nil,
		logger.Discard), nil
}

func lets(f *filter.Filter, src, dst netip.Addr, p probe) bool {
	// Of protocol 255 nodes take no packet; here it would stand for a fragment.
	if src.Is4() != dst.Is4() || p.Proto == 255 {
		return false
	}
	return f.Check(src, dst, p.Port, ipproto.Proto(p.Proto)) == filter.Accept
}

// --- which packets: those where something may change

type picker struct {
	addrs  []netip.Addr
	ports  []uint16
	protos []uint8
}

func (k *picker) set(s string) {
	set, err := util.ParseIPSet(s, nil)
	if err != nil {
		return
	}
	for _, r := range set.Ranges() {
		k.addrs = append(k.addrs, r.From(), r.To(), r.From().Prev(),
			r.To().Next())
	}
}

func (k *picker) rules(c *compiled) {
	if c == nil {
		return
	}
	for _, rules := range c.filters {
		for _, r := range rules {
			for _, s := range r.SrcIPs {
				k.set(s)
			}
			for _, d := range r.DstPorts {
				k.set(d.IP)
				k.ports = append(k.ports, d.Ports.First-1, d.Ports.First,
					d.Ports.Last, d.Ports.Last+1)
			}
			for _, p := range r.IPProto {
				k.protos = append(k.protos, uint8(p))
			}
		}
	}
}

func (k *picker) prefix(p netip.Prefix) {
	r := netipx.RangeOfPrefix(p)
	k.addrs = append(k.addrs, r.From(), r.To(), r.From().Prev(), r.To().Next())
}

// Addresses that a node may be sent packets for; stock nodes drop multicast and
// link-local ones before they look at any rule.
func usable(a netip.Addr) bool {
	return a.IsValid() && !a.IsMulticast() && !a.IsLinkLocalUnicast() &&
		!a.IsUnspecified() && !a.Is4In6()
}

func pick[T comparable](r *rand.Rand, always, more []T, count int,
	ok func(T) bool, order func(a, b T) int) []T {
	more = slices.DeleteFunc(slices.Clone(more), func(t T) bool {
		return !ok(t)
	})
	slices.SortFunc(more, order)
	more = slices.Compact(more)
	r.Shuffle(len(more), func(i, j int) { more[i], more[j] = more[j], more[i] })
	out := slices.Clone(always)
	for _, t := range more {
		if len(out) < count && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

var strangers = []netip.Addr{
	netip.MustParseAddr("100.99.1.2"),           // nobody's
	netip.MustParseAddr("100.115.92.7"),         // never a node's
	netip.MustParseAddr("9.9.9.9"),              // the internet
	netip.MustParseAddr("2606:4700::1111"),      //
	netip.MustParseAddr("fd7a:115c:a1e0::f00d"), // nobody's
	netip.MustParseAddr("10.99.0.1"),            // private
	netip.MustParseAddr("fd00:99::1"),           //
	netip.MustParseAddr("192.168.7.9"),          //
	netip.MustParseAddr("255.255.255.254"),      //
	netip.MustParseAddr("3fff:ffff::1"),         //
}

// Fills in sources, probes, and the targets of each node.
func choose(r *rand.Rand, q *question, compilers ...*compiled) {
	var k picker
	for _, c := range compilers {
		k.rules(c)
	}
	var own []netip.Addr
	for i := range q.Nodes {
		own = append(own, q.Nodes[i].Addresses...)
		for _, route := range q.Nodes[i].Routes {
			if route.Bits() > 0 {
				k.prefix(route)
			}
		}
	}
	k.addrs = append(k.addrs, strangers...)
	compare := netip.Addr.Compare
	q.Sources = pick(r, own, k.addrs, maxSources, usable, compare)
	for i := range q.Nodes {
		n := &q.Nodes[i]
		behind := func(a netip.Addr) bool {
			return usable(a) && slices.ContainsFunc(n.Routes,
				func(p netip.Prefix) bool { return p.Contains(a) }) &&
				(!n.isExit() || !slices.Contains(own, a))
		}
		n.Targets = pick(r, n.Addresses, k.addrs, maxTargets, behind, compare)
	}
	k.ports = append(k.ports, 1, 65535, uint16(1+r.IntN(65535)))
	ports := pick(r, nil, k.ports, 12, func(p uint16) bool { return p > 0 },
		cmp.Compare)
	protos := pick(r, []uint8{1, 6, 17, 58}, append(k.protos, 132, 47, 50, 2),
		8, func(uint8) bool { return true }, cmp.Compare)
	q.Probes = nil
	for _, proto := range protos {
		if !slices.Contains([]uint8{6, 17, 132}, proto) {
			q.Probes = append(q.Probes, probe{proto, 0})
			continue
		}
		for _, port := range ports {
			if proto != 17 || r.IntN(2) == 0 {
				q.Probes = append(q.Probes, probe{proto, port})
			}
		}
	}
	if len(q.Probes) > maxProbes {
		r.Shuffle(len(q.Probes), func(i, j int) {
			q.Probes[i], q.Probes[j] = q.Probes[j], q.Probes[i]
		})
		q.Probes = q.Probes[:maxProbes]
	}
}
