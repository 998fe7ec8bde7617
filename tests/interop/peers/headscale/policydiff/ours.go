// SPDX-License-Identifier: ISC

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"

	"tailscale.com/net/tsaddr"
	"tailscale.com/tailcfg"
)

// The program tests/interop/policy_ours, one question a line.
type ours struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

type probe struct {
	Proto uint8  `json:"proto"`
	Port  uint16 `json:"port"`
}

type question struct {
	Policy string `json:"policy"`
	*world
	Sources []netip.Addr `json:"sources"`
	Probes  []probe      `json:"probes"`
}

type answer struct {
	Error string
	Nodes []struct {
		ID               uint64
		Filter           []tailcfg.FilterRule
		Enforced, Tested string // '0' and '1': source, target, probe
	}
	Visible [][2]uint64
	Routes  []routeSeen
}

func startOurs(program string) (*ours, error) {
	o := &ours{cmd: exec.Command(program)}
	o.cmd.Stderr = os.Stderr
	in, err := o.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	o.in, o.out = in, bufio.NewReaderSize(out, 1<<20)
	return o, o.cmd.Start()
}

func (o *ours) stop() error {
	o.in.Close()
	return o.cmd.Wait()
}

func (o *ours) ask(q *question) (*answer, error) {
	b, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	if _, err := o.in.Write(append(b, '\n')); err != nil {
		return nil, err
	}
	line, err := o.out.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("policy_ours ended: %w", err)
	}
	a := new(answer)
	return a, json.Unmarshal(line, a)
}

func (a *answer) compiled() (*compiled, error) {
	if a.Error != "" {
		return nil, errors.New(a.Error)
	}
	c := &compiled{
		filters: map[uint64][]tailcfg.FilterRule{},
		visible: map[[2]uint64]bool{},
		routes:  map[routeSeen]bool{},
	}
	for _, n := range a.Nodes {
		c.filters[n.ID] = n.Filter
	}
	for _, v := range a.Visible {
		c.visible[pair(v[0], v[1])] = true
	}
	for _, r := range a.Routes {
		if p, err := netip.ParsePrefix(r.Route); err == nil &&
			!tsaddr.IsExitRoute(p) {
			c.routes[r] = true
		}
	}
	return c, nil
}

// one verdict of a node, at position i
func bit(verdicts string, i int) bool {
	return strings.HasPrefix(verdicts[i:], "1")
}
