// SPDX-License-Identifier: ISC

package main

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/juanfont/headscale/hscontrol/types"
	"gorm.io/gorm"
	"tailscale.com/net/tsaddr"
	"tailscale.com/tailcfg"
	"tailscale.com/types/views"
)

// A world is who is there: the same for both compilers. Its JSON is what
// tests/interop/policy_ours.c reads.
type world struct {
	Users []user `json:"users"`
	Nodes []node `json:"nodes"`
}

type user struct {
	ID       uint   `json:"id"`
	Name     string `json:"name"`
	Email    string `json:"email,omitempty"`
	Provider string `json:"provider,omitempty"`
}

type node struct {
	ID        uint64         `json:"id"`
	User      uint           `json:"user,omitempty"`
	Tags      []string       `json:"tags,omitempty"`
	Addresses []netip.Addr   `json:"addresses"`
	Routes    []netip.Prefix `json:"routes,omitempty"` // approved
	Targets   []netip.Addr   `json:"targets"`          // of probes
	name      string
}

func (n *node) String() string {
	if n.name != "" {
		return n.name
	}
	if len(n.Tags) > 0 {
		return fmt.Sprintf("node %d %v", n.ID, n.Tags)
	}
	return fmt.Sprintf("node %d of user %d", n.ID, n.User)
}

func (n *node) isExit() bool {
	for _, r := range n.Routes {
		if tsaddr.IsExitRoute(r) {
			return true
		}
	}
	return false
}

// Is the address its own, or behind a route of it that is no default route?
func (n *node) serves(a netip.Addr) bool {
	if slices.Contains(n.Addresses, a) {
		return true
	}
	for _, r := range n.Routes {
		if r.Bits() > 0 && r.Contains(a) {
			return true
		}
	}
	return false
}

// The same for Headscale.
func (w *world) headscale() ([]types.User, views.Slice[types.NodeView]) {
	var users []types.User
	for _, u := range w.Users {
		users = append(users, types.User{
			Model: gorm.Model{ID: u.ID}, Name: u.Name, Email: u.Email,
			ProviderIdentifier: sql.NullString{String: u.Provider,
				Valid: u.Provider != ""},
		})
	}
	var nodes []types.NodeView
	for i := range w.Nodes {
		n := &w.Nodes[i]
		hn := &types.Node{
			ID: types.NodeID(n.ID), Hostname: n.String(), Tags: n.Tags,
			Hostinfo:       &tailcfg.Hostinfo{RoutableIPs: n.Routes},
			ApprovedRoutes: n.Routes,
		}
		for _, a := range n.Addresses {
			if a.Is4() {
				hn.IPv4 = &a
			} else {
				hn.IPv6 = &a
			}
		}
		for k := range users {
			if users[k].ID == n.User && len(n.Tags) == 0 {
				hn.User, hn.UserID = &users[k], &users[k].ID
			}
		}
		nodes = append(nodes, hn.View())
	}
	return users, views.SliceOf(nodes)
}

var (
	tagPool   = []string{"tag:web", "tag:db", "tag:Router", "tag:exit-1"}
	routePool = prefixes("10.33.0.0/16", "10.33.7.0/24", "192.168.7.0/24",
		"172.16.0.0/12", "fd00:7::/64", "8.8.8.0/24", "10.200.0.0/30")
	exitRoutes = prefixes("0.0.0.0/0", "::/0")
)

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

func randomWorld(r *rand.Rand) *world {
	w := &world{Users: []user{
		{ID: 1, Name: "alice", Email: "alice@example.com"},
		{ID: 2, Name: "bob", Provider: "https://id.example/7"},
		{ID: 3, Name: "carol@example.org", Email: "carol@example.org"},
		{ID: 4, Name: "dave"}, // has no node
	}}
	for i := range 5 + r.IntN(5) {
		n := node{ID: uint64(i + 1)}
		x, y := byte(1+r.IntN(250)), byte(i)
		n.Addresses = append(n.Addresses, netip.AddrFrom4([4]byte{100,
			byte(64 + r.IntN(50)), y, x}))
		if r.IntN(8) > 0 {
			n.Addresses = append(n.Addresses, netip.AddrFrom16([16]byte{
				0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0, 14: y, 15: x}))
		}
		if i < 3 || r.IntN(3) == 0 {
			n.User = uint(1 + r.IntN(3))
		} else {
			n.Tags = some(r, tagPool, 1+r.IntN(2))
		}
		switch r.IntN(4) {
		case 0:
			n.Routes = some(r, routePool, 1+r.IntN(3))
		case 1:
			n.Routes = exitRoutes
		case 2:
			if r.IntN(3) == 0 {
				n.Routes = append(some(r, routePool, 1), exitRoutes...)
			}
		}
		w.Nodes = append(w.Nodes, n)
	}
	return w
}

// count of them, each once, in any order
func some[T any](r *rand.Rand, from []T, count int) (out []T) {
	for _, i := range r.Perm(len(from))[:min(count, len(from))] {
		out = append(out, from[i])
	}
	return out
}

func one[T any](r *rand.Rand, from ...T) T {
	return from[r.IntN(len(from))]
}
