// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/juanfont/headscale/hscontrol/util"
	"go4.org/netipx"
	"tailscale.com/tailcfg"
)

// Differences that are meant. Each is as narrow as it can be said, so that it
// cannot hide another one; tests/interop/README.md has the reasons.

type packet struct {
	q        *question
	to       *node
	src, dst netip.Addr
	probe
}

func (p *packet) String() string {
	return fmt.Sprintf("%v to %v at %v, protocol %d port %d", p.src, p.dst,
		p.to, p.Proto, p.Port)
}

// ours: what our rules say where theirs say the opposite.
func (p *packet) class(ours bool) string {
	return ""
}

// The filter says one thing, `mesh-policy test` with addresses the other.
func (p *packet) testClass(filter bool) string {
	if p.Proto == 99 && filter {
		return "nodes take TSMP from every peer, whatever the policy says"
	}
	if p.Proto == 255 && !filter {
		return "nodes take no packet of protocol 255, whatever the policy says"
	}
	if p.to.isExit() && !filter && !p.to.serves(p.dst) {
		return "an exit node gets no rule for a prefix that reaches beyond the internet"
	}
	return ""
}

func sightClass(a, b *node, ours bool, theirs *compiled) string {
	if ours && (sendsByExit(a, b, theirs) || sendsByExit(b, a, theirs)) {
		return "an exit node is shown to those who may use a part of the internet by it"
	}
	return ""
}

// Does their own filter on the exit node take packets of n for the internet?
func sendsByExit(n, exit *node, theirs *compiled) bool {
	if !exit.isExit() {
		return false
	}
	for _, rule := range theirs.filters[exit.ID] {
		if slices.ContainsFunc(rule.SrcIPs, n.isWithin) &&
			slices.ContainsFunc(rule.DstPorts,
				func(d tailcfg.NetPortRange) bool {
					set, err := util.ParseIPSet(d.IP, nil)
					return err == nil && isInternet(set)
				}) {
			return true
		}
	}
	return false
}

func isInternet(set *netipx.IPSet) bool {
	for _, p := range set.Prefixes() {
		if !util.TheInternet().ContainsPrefix(p) {
			return false
		}
	}
	return true
}

// Is an address of the node, or one behind it, among these?
func (n *node) isWithin(addresses string) bool {
	set, err := util.ParseIPSet(addresses, nil)
	return err == nil && (slices.ContainsFunc(n.Addresses, set.Contains) ||
		slices.ContainsFunc(n.Routes, func(r netip.Prefix) bool {
			return r.Bits() > 0 && set.OverlapsPrefix(r)
		}))
}

func routeClass(q *question, viewer, owner *node, route netip.Prefix,
	ours bool) string {
	if ours && viewer.isExit() {
		return "exit nodes are told of the routes from which they are used"
	}
	return ""
}

// Only ours refuses the policy.
func refusal(q *question, err error) string {
	for _, name := range []string{"via"} {
		if strings.HasSuffix(err.Error(),
			"'"+name+"' is not supported by this server") {
			return "grants with " + name + " are refused"
		}
	}
	if strings.Contains(err.Error(), "'user:*@") {
		return "users of a whole domain, which Headscale refuses too"
	}
	return ""
}

// Only theirs refuses it.
func acceptance(q *question, err error) string {
	return ""
}
