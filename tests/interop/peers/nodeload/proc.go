// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// usage is what a process and all its descendants have used so far.
type usage struct {
	CPU   int64 `json:"cpu_ms"` // user and system time
	RSS   int64 `json:"rss_kb"` // a page shared within the tree counts once per process
	PSS   int64 `json:"pss_kb"` // a shared page is split among its users
	Procs int   `json:"procs"`
}

// clockTick is the kernel's USER_HZ, 100 on every Linux port that Go has.
const clockTick = 100

// treeUsage adds up what pid and all its descendants have used. The CPU time
// includes that of children which pid has waited for, so that the sum does
// not fall when a worker exits.
func treeUsage(pid int) (u usage, err error) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		return u, err
	}
	// The command name, in parentheses, may hold anything: skip it. The
	// fields after it start with number 3 of proc_pid_stat(5), the state.
	s := string(stat)
	for _, v := range strings.Fields(s[strings.LastIndexByte(s, ')')+1:])[11:15] {
		n, _ := strconv.ParseInt(v, 10, 64) // utime, stime, cutime, cstime
		u.CPU += n * 1000 / clockTick
	}
	mem, err := os.ReadFile(dir + "smaps_rollup")
	for line := range strings.Lines(string(mem)) {
		f := strings.Fields(line)
		n, _ := strconv.ParseInt(f[1], 10, 64)
		switch f[0] {
		case "Rss:":
			u.RSS = n
		case "Pss:":
			u.PSS = n
		}
	}
	u.Procs = 1
	lists, _ := filepath.Glob(dir + "task/*/children")
	for _, list := range lists {
		b, _ := os.ReadFile(list)
		for _, child := range strings.Fields(string(b)) {
			id, _ := strconv.Atoi(child)
			c, _ := treeUsage(id) // nothing if it has just exited
			u = usage{u.CPU + c.CPU, u.RSS + c.RSS, u.PSS + c.PSS, u.Procs + c.Procs}
		}
	}
	return u, err
}

// ownCPU returns the CPU seconds that this program has used.
func ownCPU() float64 {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}

// raiseNoFile makes room for at least want open files.
func raiseNoFile(want uint64) error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil || l.Cur >= want {
		return err
	}
	l.Cur, l.Max = want, max(want, l.Max)
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
}
