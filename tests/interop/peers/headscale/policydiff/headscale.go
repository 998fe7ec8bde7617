// SPDX-License-Identifier: ISC

package main

import (
	"fmt"

	"github.com/juanfont/headscale/hscontrol/policy/v2"
	"github.com/juanfont/headscale/hscontrol/types"
	"tailscale.com/net/tsaddr"
	"tailscale.com/tailcfg"
)

// A compiled policy: what every node is sent, who is told of whom, and which
// routes of it.
type compiled struct {
	filters map[uint64][]tailcfg.FilterRule
	visible map[[2]uint64]bool // smaller id first
	routes  map[routeSeen]bool // without exit routes
}

type routeSeen struct {
	Viewer uint64 `json:"viewer"`
	Owner  uint64 `json:"owner"`
	Route  string `json:"route"`
}

func pair(a, b uint64) [2]uint64 {
	return [2]uint64{min(a, b), max(a, b)}
}

func byHeadscale(w *world, text string) (*compiled, error) {
	users, nodes := w.headscale()
	pm, err := v2.NewPolicyManager([]byte(text), users, nodes)
	if err != nil {
		return nil, err
	}
	// What an administrator runs into, beyond a server that starts.
	if err := pm.RunTests(); err != nil {
		return nil, err
	}
	c := &compiled{
		filters: map[uint64][]tailcfg.FilterRule{},
		visible: map[[2]uint64]bool{},
		routes:  map[routeSeen]bool{},
	}
	for id, peers := range pm.BuildPeerMap(nodes) {
		for _, p := range peers {
			c.visible[pair(uint64(id), uint64(p.ID()))] = true
		}
	}
	byID := map[uint64]types.NodeView{}
	for _, n := range nodes.All() {
		byID[uint64(n.ID())] = n
	}
	for i := range w.Nodes {
		id := w.Nodes[i].ID
		c.filters[id], err = pm.FilterForNode(byID[id])
		if err != nil {
			return nil, fmt.Errorf("filter of %v: %w", &w.Nodes[i], err)
		}
		matchers, err := pm.MatchersForNode(byID[id])
		if err != nil {
			return nil, err
		}
		for k := range w.Nodes {
			for _, r := range w.Nodes[k].Routes {
				if k != i && !tsaddr.IsExitRoute(r) &&
					byID[id].CanAccessRoute(matchers, r) {
					c.routes[routeSeen{id, w.Nodes[k].ID, r.String()}] = true
				}
			}
		}
	}
	return c, nil
}
