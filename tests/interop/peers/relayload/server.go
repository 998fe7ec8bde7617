// SPDX-License-Identifier: ISC

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU time in /proc/PID/stat: USER_HZ, 100 on every
// Linux that Go runs on. So CPU times come in steps of 10 ms.
const clockTick = time.Second / 100

// server is the process tree under test.
type server struct {
	root  int
	first map[int]string // start times of its processes when we began
}

func newServer(pid int) (*server, error) {
	s := &server{root: pid, first: map[int]string{}}
	for _, p := range s.tree() {
		s.first[p], _, _ = stat(p)
	}
	_, _, err := stat(pid)
	return s, err
}

// stat reads from /proc when a process started, which tells a reused PID apart,
// and the CPU time of all its threads and of the children that it has reaped:
// so over a tree each process counts once, by itself or in its parent.
func stat(pid int) (start string, cpu time.Duration, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0, err
	}
	// Field 2 is the name in parentheses, which may itself hold spaces and
	// parentheses: count from its end, where field 3, the state, follows.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if f[0] == "Z" {
		return "", 0, fmt.Errorf("process %d is a zombie", pid)
	}
	for _, v := range f[14-3 : 17-3+1] { // utime, stime, cutime, cstime
		ticks, _ := strconv.Atoi(v)
		cpu += time.Duration(ticks) * clockTick
	}
	return f[22-3], cpu, nil
}

// tree returns the server's processes: the root and all its descendants.
func (s *server) tree() []int {
	pids := []int{s.root}
	for i := 0; i < len(pids); i++ {
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pids[i]))
		for _, list := range lists {
			b, _ := os.ReadFile(list)
			for _, w := range strings.Fields(string(b)) {
				pid, _ := strconv.Atoi(w)
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// cpu is the CPU time that the tree has used so far.
func (s *server) cpu() (sum time.Duration) {
	for _, pid := range s.tree() {
		_, cpu, _ := stat(pid)
		sum += cpu
	}
	return sum
}

// gone counts processes of the first tree that are no more: 0 unless one crashed
// (or the server ends processes in its normal run).
func (s *server) gone() (n int) {
	for pid, start := range s.first {
		if now, _, err := stat(pid); err != nil || now != start {
			n++
		}
	}
	return n
}

// memory is what the tree holds. RSS counts a page once for each process that
// maps it; PSS divides it among all that do, other programs too, so that a
// second server from the same file makes it less. Anon is the part that no
// file backs. What the kernel holds for sockets is in none of them.
type memory struct {
	Processes int `json:"processes"`
	RSS       int `json:"rss_kb"`
	PSS       int `json:"pss_kb"`
	Anon      int `json:"anon_kb"`
}

func (s *server) memory() (m memory) {
	sums := map[string]*int{"Rss:": &m.RSS, "Pss:": &m.PSS, "Pss_Anon:": &m.Anon}
	for _, pid := range s.tree() {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		m.Processes++
		for line := range strings.Lines(string(b)) {
			var name string
			var kb int
			fmt.Sscan(line, &name, &kb)
			if sum := sums[name]; sum != nil {
				*sum += kb
			}
		}
	}
	return m
}
