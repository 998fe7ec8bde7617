// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"log"
	"sync"
	"sync/atomic"
	"time"
)

// pingLimit is how long the server may take to answer all clients in the end.
const pingLimit = 30 * time.Second

func runIdle(t *target, s *server) (result, error) {
	if err := allowFiles(*clientCount + 256); err != nil {
		return nil, err
	}
	before, cpuBefore, began := s.memory(), s.cpu(), time.Now()
	clients, failure := connectAll(t)
	took := time.Since(began).Seconds()
	if len(clients) == 0 {
		return nil, failure
	}
	time.Sleep(time.Second) // let the server finish what the last ones began
	connected, cpuConnected := s.memory(), s.cpu()
	log.Printf("%d connected in %.1f s; idle for %g s", len(clients), took, *hold)
	time.Sleep(span(*hold))
	held, cpuHeld := s.memory(), s.cpu()

	lost, deadline := 0, time.Now().Add(pingLimit)
	for _, c := range clients {
		if _, err := c.ping(time.Until(deadline)); err != nil {
			lost++
		}
		c.raw.Close()
	}
	per := func(total int) float64 { return float64(total) / float64(len(clients)) }
	r := result{
		"ok":                             failure == nil && lost == 0 && s.gone() == 0,
		"connected":                      len(clients),
		"lost_in_hold":                   lost,
		"server_processes_gone":          s.gone(),
		"connect_seconds":                took,
		"connects_per_second":            float64(len(clients)) / took,
		"server_cpu_seconds_per_connect": (cpuConnected - cpuBefore).Seconds() / float64(len(clients)),
		"server_cpu_seconds_in_hold":     (cpuHeld - cpuConnected).Seconds(),
		"memory_before":                  before,
		"memory_connected":               connected,
		"memory_held":                    held,
		"rss_kb_per_client_connected":    per(connected.RSS - before.RSS),
		"pss_kb_per_client_connected":    per(connected.PSS - before.PSS),
		"rss_kb_per_client_held":         per(held.RSS - before.RSS),
		"pss_kb_per_client_held":         per(held.PSS - before.PSS),
	}
	if failure != nil {
		r["error"] = failure.Error()
	}
	return r, nil
}

// connectAll connects all clients, a few at a time, until one fails.
func connectAll(t *target) (clients []*client, failure error) {
	var begun atomic.Int64
	var mu sync.Mutex // guards the results
	var wg sync.WaitGroup
	for range *parallel {
		wg.Go(func() {
			for begun.Add(1) <= int64(*clientCount) {
				c, err := t.join()
				mu.Lock()
				if err != nil && failure == nil {
					failure = fmt.Errorf("after %d connects: %w", len(clients), err)
					begun.Store(int64(*clientCount)) // no more
				} else if err == nil {
					if clients = append(clients, c); len(clients)%1000 == 0 {
						log.Printf("%d connected", len(clients))
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return clients, failure
}
