// SPDX-License-Identifier: ISC

// testcontrol runs the stock control server for tests, as a library, and lets a
// shell script say what it sends: any member of a map response, also those that
// no release knows.
//
//	curl -d @frame.json 'http://127.0.0.1:9912/map?node=a'
//
// Calls of the admin port: GET nodes; POST map, ping, update (JSON of a Node,
// laid over it), auth?url=, c2n?path=, expire?on=; POST joining: how nodes join
// from now on, as {"RequireAuthKey":"k"}; POST relays: another map; GET posts: what nodes sent to paths
// below /mesh/.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"sync"
	"time"
	"unsafe"

	"tailscale.com/tailcfg"
	"tailscale.com/tstest/integration/testcontrol"
	"tailscale.com/types/key"
)

var (
	listen = flag.String("listen", "0.0.0.0:8080", "where nodes come")
	url    = flag.String("url", "", "how nodes write that")
	admin  = flag.String("admin", "127.0.0.1:9912", "where the test comes")
	relays = flag.String("relays", "", "file with the relay map, as JSON")
	domain = flag.String("domain", "mesh.test", "suffix of names")
)

type server struct {
	*testcontrol.Server
	lock  sync.Mutex
	posts []string
}

// member gives a private member of the stock server.
func member[T any](s *testcontrol.Server, name string) *T {
	v := reflect.ValueOf(s).Elem().FieldByName(name)
	return (*T)(unsafe.Pointer(v.UnsafeAddr()))
}

// node finds the one that calls itself so; of several the one that joined last.
func (s *server) node(name string) (out *tailcfg.Node) {
	for _, n := range s.AllNodes() {
		if n.Hostinfo.Valid() && n.Hostinfo.Hostname() == name {
			out = n
		}
	}
	return out
}

// send puts a message of any shape into the node's stream. The empty response
// behind it wakes the stream, and ends what the server sends on its own.
func (s *server) send(k key.NodePublic, msg any) bool {
	mu := member[sync.Mutex](s.Server, "mu")
	queue := member[map[key.NodePublic][]any](s.Server, "msgToSend")
	mu.Lock()
	if *queue == nil {
		*queue = map[key.NodePublic][]any{}
	}
	(*queue)[k] = append((*queue)[k], msg)
	mu.Unlock()
	return s.AddRawMapResponse(k, &tailcfg.MapResponse{})
}

func (s *server) sendMap(n *tailcfg.Node, body []byte) error {
	if !json.Valid(body) {
		return fmt.Errorf("not JSON")
	}
	if !s.send(n.Key, json.RawMessage(body)) {
		return fmt.Errorf("no stream")
	}
	return nil
}

func (s *server) sendPing(n *tailcfg.Node, body []byte) error {
	pr := new(tailcfg.PingRequest)
	if err := json.Unmarshal(body, pr); err != nil {
		return err
	}
	if !s.AddPingRequest(n.Key, pr) {
		return fmt.Errorf("no stream")
	}
	return nil
}

func (s *server) update(n *tailcfg.Node, body []byte) error {
	if err := json.Unmarshal(body, n); err != nil {
		return err
	}
	s.UpdateNode(n)
	return nil
}

// onNode makes a call that is about the node named in the query.
func (s *server) onNode(f func(*tailcfg.Node, []byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if n := s.node(r.URL.Query().Get("node")); n == nil {
			err = fmt.Errorf("no such node")
		} else if err == nil {
			err = f(n, body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}
}

func (s *server) c2n(w http.ResponseWriter, r *http.Request) {
	n := s.node(r.URL.Query().Get("node"))
	req, err := http.NewRequest("POST", "http://node"+r.URL.Query().Get("path"), r.Body)
	if n == nil || err != nil {
		http.Error(w, "no such node or path", http.StatusBadRequest)
		return
	}
	done := make(chan *http.Response, 1)
	if err := s.SendC2N(n.Key, req, func(r *http.Response) { done <- r }); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case res := <-done:
		fmt.Fprintf(w, "%d\n", res.StatusCode)
		io.Copy(w, res.Body)
	case <-time.After(10 * time.Second):
		http.Error(w, "no answer", http.StatusGatewayTimeout)
	}
}

// posted keeps what nodes send to paths of ours.
func (s *server) posted(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	s.lock.Lock()
	s.posts = append(s.posts, fmt.Sprintf("%s %s %s", r.Method, r.URL.Path, body))
	s.lock.Unlock()
}

func (s *server) adminMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /nodes", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(s.AllNodes())
	})
	mux.HandleFunc("POST /map", s.onNode(s.sendMap))
	mux.HandleFunc("POST /ping", s.onNode(s.sendPing))
	mux.HandleFunc("POST /update", s.onNode(s.update))
	mux.HandleFunc("POST /c2n", s.c2n)
	mux.HandleFunc("POST /joining", func(w http.ResponseWriter, r *http.Request) {
		how := struct {
			RequireAuth, RequireMachineAuth bool
			RequireAuthKey                  string
		}{}
		if err := json.NewDecoder(r.Body).Decode(&how); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.RequireAuth, s.RequireAuthKey = how.RequireAuth, how.RequireAuthKey
		s.RequireMachineAuth = how.RequireMachineAuth
	})
	mux.HandleFunc("POST /relays", func(w http.ResponseWriter, r *http.Request) {
		m := new(tailcfg.DERPMap)
		if err := json.NewDecoder(r.Body).Decode(m); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.DERPMap = m
		for _, n := range s.AllNodes() {
			s.UpdateNode(n)
		}
	})
	mux.HandleFunc("POST /auth", func(w http.ResponseWriter, r *http.Request) {
		if !s.CompleteAuth(r.URL.Query().Get("url")) {
			http.Error(w, "no such URL", http.StatusBadRequest)
		}
	})
	mux.HandleFunc("POST /expire", func(w http.ResponseWriter, r *http.Request) {
		s.SetExpireAllNodes(r.URL.Query().Get("on") == "1")
	})
	mux.HandleFunc("GET /posts", func(w http.ResponseWriter, r *http.Request) {
		s.lock.Lock()
		defer s.lock.Unlock()
		for _, p := range s.posts {
			fmt.Fprintln(w, p)
		}
	})
	return mux
}

func main() {
	flag.Parse()
	derpMap := new(tailcfg.DERPMap)
	if b, err := os.ReadFile(*relays); err != nil {
		log.Fatal(err)
	} else if err := json.Unmarshal(b, derpMap); err != nil {
		log.Fatal(err)
	}
	s := &server{Server: &testcontrol.Server{
		DERPMap:         derpMap,
		ExplicitBaseURL: *url,
		MagicDNSDomain:  *domain,
		DNSConfig:       &tailcfg.DNSConfig{Proxied: true},
		AllOnline:       true,
	}}
	s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/generate_204", nil))
	(*member[*http.ServeMux](s.Server, "mux")).HandleFunc("/mesh/", s.posted)
	go func() { log.Fatal(http.ListenAndServe(*admin, s.adminMux())) }()
	log.Printf("listening on %s", *listen)
	log.Fatal(http.ListenAndServe(*listen, s))
}
