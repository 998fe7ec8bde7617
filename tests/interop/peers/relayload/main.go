// SPDX-License-Identifier: ISC

// Relayload loads and probes a relay server that speaks the DERP wire protocol,
// with the stock client library, and prints one JSON object about it:
//
//	relayload -pid PID [flags] MODE [flags]
//
//	pairs    frames through the relay: how many per CPU second of the server, how late, how many lost
//	idle     many connected clients that say nothing: what each costs the server
//	hostile  broken and malicious clients: does the server live, are the others served
//	twice    several connections with one key: which of them gets its packets
//
// PID is the server's first process; its descendants are counted with it.
// The result goes to stdout, progress to stderr. Exit status: 0 all well, 1 the
// server fell short ("ok": false), 2 nothing could be measured.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
	"syscall"
	"time"

	"tailscale.com/derp"
)

var (
	serverURL  = flag.String("server", "https://127.0.0.1:8443", "the relay, https://127.x.x.x:PORT")
	serverName = flag.String("servername", "relay.test", "TLS server name")
	certHash   = flag.String("cert", "", "accept this certificate only: sha256-raw:HEX (of its DER form)")
	insecure   = flag.Bool("insecure", false, "accept any certificate")
	serverPID  = flag.Int("pid", 0, "first process of the server")

	pairCount = flag.Int("pairs", 10, "pairs: how many, up to 2000")
	frameSize = flag.Int("size", 1000, "pairs: payload bytes, 16 to 65536")
	seconds   = flag.Float64("seconds", 3, "pairs: seconds to measure, up to 120")
	warmup    = flag.Float64("warmup", 1, "pairs: seconds of load before that, up to 60")
	rate      = flag.Float64("rate", 0, "pairs: frames per second and pair; 0: as fast as the window allows")
	window    = flag.Int("window", 16, "pairs: frames in flight per pair, up to 10000")

	clientCount = flag.Int("clients", 1000, "idle: how many, up to 20000")
	hold        = flag.Float64("hold", 10, "idle: seconds that they stay idle, up to 3600")
	parallel    = flag.Int("parallel", 16, "idle: connects under way at a time, up to 1000")
	sources     = flag.String("sources", "", "idle: comma-separated local addresses to connect from in turn")

	flood     = flag.Float64("flood", 4, "hostile: seconds to flood a client that never reads, up to 60")
	maxGrowth = flag.Int("max-growth", 64<<10, "hostile: kB that the server may grow by meanwhile")
)

// result is what a mode prints. Its "ok" says whether the server did all it should.
type result map[string]any

var modes = map[string]func(*target, *server) (result, error){
	"pairs":   runPairs,
	"idle":    runIdle,
	"hostile": runHostile,
	"twice":   runTwice,
}

func main() {
	log.SetFlags(log.Ltime)
	r, err := run()
	if err != nil {
		log.Print(err)
		os.Exit(2)
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	out.Encode(r)
	if r["ok"] != true {
		os.Exit(1)
	}
}

func run() (result, error) {
	flag.Parse()
	mode, name := modes[flag.Arg(0)], flag.Arg(0)
	if mode == nil {
		return nil, errors.New("which mode: pairs, idle, hostile or twice? (-h: flags)")
	}
	flag.CommandLine.Parse(flag.Args()[1:])
	if flag.NArg() > 0 ||
		*pairCount < 1 || *pairCount > 2000 || *frameSize < headLen || *frameSize > derp.MaxPacketSize ||
		*seconds <= 0 || *seconds > 120 || *warmup > 60 || *rate < 0 || *window < 1 || *window > 10000 ||
		*clientCount < 1 || *clientCount > 20000 || *hold > 3600 || *parallel < 1 || *parallel > 1000 ||
		*flood > 60 {
		return nil, errors.New("a value is out of range (-h tells the ranges)")
	}
	t, err := newTarget()
	if err != nil {
		return nil, err
	}
	s, err := newServer(*serverPID)
	if err != nil {
		return nil, fmt.Errorf("-pid: %w", err)
	}
	r, err := mode(t, s)
	if err == nil {
		r["mode"], r["command"] = name, strings.Join(os.Args[1:], " ")
	}
	return r, err
}

// span is a time given in seconds.
func span(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// allowFiles sets the limit on our open files. Beyond the hard limit that needs root.
func allowFiles(n int) error {
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(n), Max: uint64(n)}); err != nil {
		return fmt.Errorf("allowing %d open files: %w", n, err)
	}
	return nil
}
