// SPDX-License-Identifier: ISC

package main

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/juanfont/headscale/hscontrol/types/testcapture"
	"tailscale.com/tailcfg"
)

// What the service itself made of some hundred policies: Headscale's module has
// the netmaps that its nodes received. folder is its testdata.
func (t *tally) captures(o *ours, folder string) error {
	var files []string
	for _, kind := range []string{"acl", "grant", "routes", "policytest"} {
		found, err := filepath.Glob(filepath.Join(folder, kind+"_results",
			"*.hujson"))
		if err != nil {
			return err
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		return errors.New("no captures in " + folder)
	}
	for _, file := range files {
		c, err := testcapture.Read(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		w, theirs, theirErr := captured(c)
		if c.Category == "policytest" {
			theirs = nil // addresses in those are made up
		}
		q := &question{world: w, Policy: c.Input.FullPolicy}
		where := strings.TrimSuffix(filepath.Base(file), ".hujson")
		r := rand.New(rand.NewPCG(1, 1))
		if err := t.compare(o, r, where, q, theirs, theirErr); err != nil {
			return err
		}
	}
	return nil
}

func captured(c *testcapture.Capture) (*world, *compiled, error) {
	w := &world{}
	for _, u := range c.Topology.Users {
		w.Users = append(w.Users, user{ID: u.ID, Name: u.Name,
			Email: u.Email})
	}
	owners := map[netip.Addr]uint64{}
	for _, name := range slices.Sorted(maps.Keys(c.Topology.Nodes)) {
		n := newCaptured(w, name, c.Topology.Nodes[name], c.Captures[name])
		for _, a := range n.Addresses {
			owners[a] = n.ID
		}
		w.Nodes = append(w.Nodes, n)
	}
	if c.Error || c.Input.APIResponseCode >= 400 {
		message := "refused"
		if c.Input.APIResponseBody != nil {
			message = c.Input.APIResponseBody.Message
		}
		return w, nil, errors.New(message)
	}
	out := &compiled{
		filters: map[uint64][]tailcfg.FilterRule{},
		visible: map[[2]uint64]bool{},
		routes:  map[routeSeen]bool{},
	}
	for i := range w.Nodes {
		n := &w.Nodes[i]
		seen := c.Captures[n.name]
		out.filters[n.ID] = seen.PacketFilterRules
		if seen.Netmap != nil {
			out.add(n, &seen, owners)
		}
	}
	return w, out, nil
}

// A route is approved where the notes of the capture say so, or the node was told
// so itself.
func newCaptured(w *world, name string, t testcapture.TopologyNode,
	seen testcapture.Node) node {
	n := node{ID: uint64(len(w.Nodes) + 1), Tags: t.Tags, name: name}
	for _, a := range []string{t.IPv4, t.IPv6} {
		if ip, err := netip.ParseAddr(a); err == nil {
			n.Addresses = append(n.Addresses, ip)
		}
	}
	for _, u := range w.Users {
		if u.Name == t.User {
			n.User = u.ID
		}
	}
	for _, r := range prefixes(t.RoutableIPs...) {
		if slices.Contains(t.ApprovedRoutes, r.String()) ||
			(seen.Netmap != nil && slices.Contains(
				seen.Netmap.SelfNode.AllowedIPs().AsSlice(), r)) {
			n.Routes = append(n.Routes, r)
		}
	}
	return n
}

// What the node was told of its peers. Of those that serve a route the service
// elects one, so that a route has no owner here.
func (c *compiled) add(n *node, seen *testcapture.Node,
	owners map[netip.Addr]uint64) {
	for _, p := range seen.Netmap.Peers {
		if p.Addresses().Len() == 0 {
			continue
		}
		id := owners[p.Addresses().At(0).Addr()]
		c.visible[pair(n.ID, id)] = true
		for _, r := range p.AllowedIPs().All() {
			if !r.IsSingleIP() {
				c.routes[routeSeen{n.ID, 0, r.String()}] = true
			}
		}
	}
}
