// SPDX-License-Identifier: ISC

// Policydiff compares what two compilers make of the same policy: Headscale's
// and ours (tests/interop/policy_ours). Packet by packet, not text by text: the
// filter of every node is put into the packet filter that stock nodes have, and
// asked about packets from all sides of every boundary that either filter has.
// It compares who is told of whom, and of which routes, too.
//
//	policydiff random [-seed N] [-count N] POLICY_OURS
//	policydiff captures -dir TESTDATA POLICY_OURS
//
// Random: COUNT policies that both accept, each over a random network, and a
// tenth as many that have one mistake. Captures: in place of Headscale, what the
// service itself had sent for the policies in hscontrol/policy/v2/testdata of
// Headscale's module. The last line is "unexplained N"; the exit status is 0
// when that is 0.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"

	"github.com/rs/zerolog"
)

func main() {
	zerolog.SetGlobalLevel(zerolog.Disabled)
	if len(os.Args) < 2 {
		usage()
	}
	mode := os.Args[1]
	flags := flag.NewFlagSet(mode, flag.ExitOnError)
	seed := flags.Uint64("seed", 1, "of the policies and worlds")
	count := flags.Int("count", 200, "policies that both accept")
	dir := flags.String("dir", "", "testdata with captures")
	flags.Parse(os.Args[2:])
	if flags.NArg() != 1 {
		usage()
	}
	o, err := startOurs(flags.Arg(0))
	if err != nil {
		fail(err)
	}
	t := newTally(os.Stdout)
	switch mode {
	case "random":
		err = t.random(o, *seed, *count)
	case "captures":
		err = t.captures(o, *dir)
	default:
		usage()
	}
	if err == nil {
		err = o.stop()
	}
	if err != nil {
		fail(err)
	}
	t.print()
	if t.unknown > 0 {
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr,
		"usage: policydiff random|captures [OPTION ...] POLICY_OURS")
	os.Exit(2)
}

func fail(err error) {
	fmt.Fprintf(os.Stderr, "policydiff: %v\n", err)
	os.Exit(1)
}

// The n-th policy is the same whatever came before it, so that a difference is
// found again by its seed and number.
func (t *tally) random(o *ours, seed uint64, count int) error {
	for n := 0; t.policies < count && n < 4*count; n++ {
		r := rand.New(rand.NewPCG(seed, uint64(n)))
		w := randomWorld(r)
		q := &question{world: w, Policy: randomPolicy(r, w, n%11 == 10)}
		theirs, err := byHeadscale(w, q.Policy)
		where := fmt.Sprintf("seed %d policy %d", seed, n)
		if err := t.compare(o, r, where, q, theirs, err); err != nil {
			return err
		}
	}
	return nil
}
