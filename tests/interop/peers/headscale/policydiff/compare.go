// SPDX-License-Identifier: ISC

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/tailscale/hujson"
	"tailscale.com/wgengine/filter"
)

// What came out of many policies.
type tally struct {
	policies, refused, packets, allowed, pairs int
	known                                      map[string]int // differences
	capable                                    int            // pairs of addresses with a capability
	unknown                                    int
	unclear                                    int // policies with those
	where                                      string
	shown                                      []string
	out                                        io.Writer
}

func newTally(out io.Writer) *tally {
	return &tally{known: map[string]int{}, out: out}
}

const showMax = 12 // policies of which a difference is shown

// differ notes a difference: of a known class, or one that nobody explained. Of
// a policy the first one of each kind is shown.
func (t *tally) differ(q *question, where, class, format string, args ...any) {
	if class != "" {
		t.known[class]++
		return
	}
	t.unknown++
	if where != t.where {
		t.where, t.shown = where, nil
		t.unclear++
		if t.unclear <= showMax {
			t.show(q)
		}
	}
	if t.unclear <= showMax && !slices.Contains(t.shown, format) {
		t.shown = append(t.shown, format)
		fmt.Fprintf(t.out, "%s: %s\n", where, fmt.Sprintf(format, args...))
	}
}

func (t *tally) show(q *question) {
	text := []byte(q.Policy)
	if v, err := hujson.Parse(text); err == nil {
		v.Minimize()
		text = v.Pack()
	}
	fmt.Fprintf(t.out, "policy: %s\n", text)
	for i := range q.Nodes {
		n := &q.Nodes[i]
		fmt.Fprintf(t.out, "  %v: %v, routes %v\n", n, n.Addresses, n.Routes)
	}
}

func (t *tally) print() {
	fmt.Fprintf(t.out, "policies %d\nrefused by both %d\npackets %d\n"+
		"allowed %d\ncapabilities %d\npairs %d\n", t.policies, t.refused,
		t.packets, t.allowed, t.capable, t.pairs)
	for _, class := range slices.Sorted(maps.Keys(t.known)) {
		fmt.Fprintf(t.out, "known difference %d: %s\n", t.known[class], class)
	}
	fmt.Fprintf(t.out, "unexplained %d\n", t.unknown)
}

// compare asks ours about a policy that theirs compiled, or refused.
func (t *tally) compare(o *ours, r *rand.Rand, where string, q *question,
	theirs *compiled, theirErr error) error {
	for i := range q.Nodes {
		q.Nodes[i].Targets = nil
	}
	q.Sources, q.Probes = nil, nil
	a, err := o.ask(q)
	if err != nil {
		return err
	}
	mine, ourErr := a.compiled()
	switch {
	case ourErr != nil && theirErr != nil:
		t.refused++
		return nil
	case ourErr != nil:
		t.differ(q, where, refusal(q, ourErr), "ours refuses: %v", ourErr)
		return nil
	case theirErr != nil:
		t.differ(q, where, acceptance(q, theirErr), "theirs refuses: %v",
			theirErr)
		return nil
	}
	t.policies++
	if theirs == nil {
		return nil // accepted, and that is all that is known
	}
	choose(r, q, mine, theirs)
	if a, err = o.ask(q); err != nil {
		return err
	}
	for i := range a.Nodes {
		if err := t.node(q, where, a, i, theirs); err != nil {
			return err
		}
	}
	t.sight(q, where, mine, theirs)
	return nil
}

// All packets to one node.
func (t *tally) node(q *question, where string, a *answer, i int,
	theirs *compiled) error {
	n, out := &q.Nodes[i], &a.Nodes[i]
	f, err := stockFilter(out.Filter)
	if err != nil {
		return fmt.Errorf("%s: our filter for %v: %w", where, n, err)
	}
	g, err := stockFilter(theirs.filters[n.ID])
	if err != nil {
		return fmt.Errorf("%s: their filter for %v: %w", where, n, err)
	}
	at := 0
	for _, src := range q.Sources {
		for _, dst := range n.Targets {
			t.capabilities(q, where, n, src, dst, f, g)
			for _, p := range q.Probes {
				t.packet(&packet{q, n, src, dst, p}, where, f, g,
					bit(out.Enforced, at), bit(out.Tested, at))
				at++
			}
		}
	}
	return nil
}

// What the sender may do with the node beyond packets.
func (t *tally) capabilities(q *question, where string, n *node,
	src, dst netip.Addr, mine, theirs *filter.Filter) {
	if src.Is4() != dst.Is4() {
		return
	}
	m, g := capText(mine, src, dst), capText(theirs, src, dst)
	if m != "{}" {
		t.capable++
	}
	if m != g {
		t.differ(q, where, "", "%v with %v at %v: ours may %v, theirs %v", src,
			dst, n, m, g)
	}
}

// Each value once, in an order of their own.
func capText(f *filter.Filter, src, dst netip.Addr) string {
	out := map[string][]string{}
	for name, values := range f.CapsWithValues(src, dst) {
		list := []string{}
		for _, v := range values {
			var b bytes.Buffer
			if json.Compact(&b, []byte(v)) == nil {
				list = append(list, b.String())
			}
		}
		slices.Sort(list)
		out[string(name)] = slices.Compact(list)
	}
	text, _ := json.Marshal(out)
	return string(text)
}

func (t *tally) packet(p *packet, where string, mine, theirs *filter.Filter,
	enforced, tested bool) {
	m := lets(mine, p.src, p.dst, p.probe)
	g := lets(theirs, p.src, p.dst, p.probe)
	t.packets++
	if m {
		t.allowed++
	}
	if m != g {
		t.differ(p.q, where, p.class(m), "%v: by our rules %v, by theirs %v",
			p, m, g)
	}
	if m != enforced {
		t.differ(p.q, where, "", "%v: a stock node says %v, ours %v", p, m,
			enforced)
	}
	if m != tested {
		t.differ(p.q, where, p.testClass(m),
			"%v: the filter says %v, mesh-policy test %v", p, m, tested)
	}
}

// Who is told of whom, and of which routes.
func (t *tally) sight(q *question, where string, mine, theirs *compiled) {
	for i := range q.Nodes {
		for k := i + 1; k < len(q.Nodes); k++ {
			a, b := &q.Nodes[i], &q.Nodes[k]
			p := pair(a.ID, b.ID)
			t.pairs++
			if mine.visible[p] != theirs.visible[p] {
				t.differ(q, where, sightClass(a, b, mine.visible[p], theirs),
					"%v and %v see each other: ours %v, theirs %v", a, b,
					mine.visible[p], theirs.visible[p])
			}
			if mine.visible[p] && theirs.visible[p] {
				t.routes(q, where, a, b, mine, theirs)
				t.routes(q, where, b, a, mine, theirs)
			}
		}
	}
}

func (t *tally) routes(q *question, where string, viewer, owner *node,
	mine, theirs *compiled) {
	for _, r := range owner.Routes {
		if r.Bits() == 0 || slices.Contains(viewer.Routes, r) {
			continue // who serves it is no matter of policy
		}
		s := routeSeen{viewer.ID, owner.ID, r.String()}
		my, their := mine.routes[s], theirs.routes[s] ||
			theirs.routes[routeSeen{viewer.ID, 0, r.String()}]
		if my != their {
			t.differ(q, where, routeClass(q, viewer, owner, r, my),
				"%v is told of route %v of %v: ours %v, theirs %v", viewer, r,
				owner, my, their)
		}
	}
}
