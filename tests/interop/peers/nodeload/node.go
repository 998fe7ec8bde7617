// SPDX-License-Identifier: ISC

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"tailscale.com/control/ts2021"
	"tailscale.com/net/tsdial"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
	"tailscale.com/types/logger"
	"tailscale.com/types/opt"
	"tailscale.com/util/backoff"
	"tailscale.com/util/zstdframe"
)

const (
	watchdog = 2 * time.Minute // for an answer, as a stock client's
	maxFrame = 256 << 20       // guards the length of a MapResponse
)

// A node is one simulated client: its keys, its one Noise connection, and as
// much of its network map as is needed to check the server.
type node struct {
	f      *fleet
	index  int
	client *ts2021.Client
	key    key.NodePrivate
	nl     key.NLPublic
	disco  key.DiscoPublic
	logID  string // Hostinfo.BackendLogID

	conn               atomic.Pointer[net.Conn] // the TCP connection in use, for cut
	registered, mapped time.Duration            // what the two steps of join took

	mu        sync.Mutex // guards what follows
	id        int64      // 0 before the first map
	derp      int        // home region
	endpoints []netip.AddrPort
	peers     map[int64]struct{}
	filter    hash      // of the packet filter last sent
	told      time.Time // when the fleet's match was first met
	asked     time.Time // when it first asked on the connection in use
	addresses []string  // its own
}

// newNode makes a node with fresh keys; it dials from one of -sources.
func (f *fleet) newNode(index int) (n *node, err error) {
	n = &node{f: f, index: index, key: key.NewNode(), nl: key.NewNLPrivate().Public(), disco: key.NewDisco().Public()}
	n.logID = fmt.Sprintf("%016x%016x%016x%016x", rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64())
	for i := range f.opts.endpoints {
		ip := netip.AddrFrom4([4]byte{10, byte(i), byte(index >> 8), byte(index)})
		n.endpoints = append(n.endpoints, netip.AddrPortFrom(ip, 41641))
	}
	var d net.Dialer
	if s := f.opts.sources; len(s) > 0 {
		d.LocalAddr = &net.TCPAddr{IP: s[index%len(s)]}
	}
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, addr)
		if err == nil {
			c = &countingConn{Conn: c, n: n}
			n.conn.Store(&c)
		}
		return c, err
	}
	n.client, err = ts2021.NewClient(ts2021.ClientOpts{
		ServerURL:    f.opts.server,
		PrivKey:      key.NewMachine(),
		ServerPubKey: f.serverKey,
		Dialer:       tsdial.NewFromFuncForDebug(logger.Discard, dial),
		Logf:         logger.Discard,
	})
	return n, err
}

// countingConn counts the bytes that the server sends, as TCP carries them, and
// notes when the node first asked for something.
type countingConn struct {
	net.Conn
	n     *node
	asked atomic.Bool
}

func (c *countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n.f.add("rx_bytes", n)
	return n, err
}

func (c *countingConn) Write(p []byte) (int, error) {
	if !c.asked.Swap(true) {
		c.n.mu.Lock()
		c.n.asked = time.Now()
		c.n.mu.Unlock()
	}
	return c.Conn.Write(p)
}

// cut closes the connection under all of the node's requests.
func (n *node) cut() {
	if c := n.conn.Load(); c != nil {
		(*c).Close()
	}
}

// hostinfo is what a stock client on a small Linux server tells of itself;
// full has the parts that it learns only after its first map.
func (n *node) hostinfo(full bool) *tailcfg.Hostinfo {
	no, yes := opt.NewBool(false), opt.NewBool(true)
	hi := &tailcfg.Hostinfo{
		IPNVersion: "1.102.5-t0123456789", BackendLogID: n.logID,
		OS: "linux", OSVersion: "6.12.48+deb13-amd64", Machine: "x86_64",
		Distro: "debian", DistroVersion: "13.1", DistroCodeName: "trixie",
		GoArch: "amd64", GoArchVar: "v1", GoVersion: "go1.26.8",
		Container: no, Desktop: no, Userspace: no, UserspaceRouter: no,
		Hostname: fmt.Sprintf("%s-%05d", n.f.name, n.index),
	}
	if full {
		port := uint16(32768 + n.index%16384)
		hi.Services = []tailcfg.Service{{Proto: tailcfg.PeerAPI4, Port: port}, {Proto: tailcfg.PeerAPI6, Port: port}}
		hi.NetInfo = &tailcfg.NetInfo{
			MappingVariesByDestIP: no, WorkingIPv6: no, OSHasIPv6: yes, WorkingUDP: yes,
			WorkingICMPv4: no, UPnP: no, PMP: no, PCP: no, FirewallMode: "nft-default",
			PreferredDERP: n.derp, DERPLatency: map[string]float64{fmt.Sprintf("%d-v4", n.derp): 0.0123},
		}
	}
	return hi
}

// post sends a JSON request inside the node's Noise connection and returns
// the body of the answer.
func (n *node) post(path string, request any) (io.ReadCloser, error) {
	res, err := n.client.Post(n.f.ctx, path, n.key.Public(), request)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if res.StatusCode != 200 {
		defer res.Body.Close()
		msg, _ := io.ReadAll(io.LimitReader(res.Body, 200))
		return nil, fmt.Errorf("%s: http %d: %s", path, res.StatusCode, bytes.TrimSpace(msg))
	}
	return res.Body, nil
}

// call is post for a request with one short answer, which it returns.
func (n *node) call(path string, request any) ([]byte, error) {
	defer time.AfterFunc(watchdog, n.cut).Stop()
	body, err := n.post(path, request)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// mapRequest is the request for a map session (stream), or the lite update
// that tells of this node's state and asks for nothing. As with a stock
// client, neither has home region or endpoints before the first map.
func (n *node) mapRequest(stream bool) *tailcfg.MapRequest {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := &tailcfg.MapRequest{
		Version:  tailcfg.CurrentCapabilityVersion,
		Compress: "zstd", KeepAlive: true, Stream: stream, OmitPeers: !stream,
		NodeKey: n.key.Public(), DiscoKey: n.disco,
		Hostinfo: n.hostinfo(n.id != 0),
	}
	if n.id != 0 {
		r.Endpoints = n.endpoints
		for i := range n.endpoints {
			r.EndpointTypes = append(r.EndpointTypes, tailcfg.EndpointLocal+tailcfg.EndpointType(min(i, 1)))
		}
	}
	return r
}

// update sends a lite update.
func (n *node) update() error {
	_, err := n.call("/machine/map", n.mapRequest(false))
	return err
}

// join registers the node with the auth key, opens its map session, and,
// after the first MapResponse, sends its endpoints and home region as a stock
// client does once that map has let it probe the network.
func (n *node) join() error {
	start := time.Now()
	stamp := start.Round(time.Second)
	answer, err := n.call("/machine/register", tailcfg.RegisterRequest{
		Version: tailcfg.CurrentCapabilityVersion,
		NodeKey: n.key.Public(), NLKey: n.nl,
		Hostinfo: n.hostinfo(false), Timestamp: &stamp,
		Auth: &tailcfg.RegisterResponseAuth{AuthKey: n.f.opts.authKey},
	})
	if err != nil {
		return err
	}
	var r tailcfg.RegisterResponse
	if err := json.Unmarshal(answer, &r); err != nil || r.Error != "" || !r.MachineAuthorized {
		return fmt.Errorf("refused: %.300q %v", answer, err)
	}
	n.registered = time.Since(start)
	session, err := n.open()
	if err != nil {
		return err
	}
	n.mapped = time.Since(start) - n.registered
	go n.live(session)
	return n.update()
}

// open starts a map session and handles its first MapResponse.
func (n *node) open() (io.ReadCloser, error) {
	defer time.AfterFunc(watchdog, n.cut).Stop()
	session, err := n.post("/machine/map", n.mapRequest(true))
	if err != nil {
		return nil, err
	}
	if err := n.next(session, true); err != nil {
		session.Close()
		return nil, fmt.Errorf("first MapResponse: %w", err)
	}
	return session, nil
}

// live reads the map session until the program ends. A broken session is
// opened again with a stock client's backoff, -join-parallel of them at a
// time in the whole fleet.
func (n *node) live(session io.ReadCloser) {
	retry := backoff.NewBackoff("map", logger.Discard, 30*time.Second)
	for {
		for n.next(session, false) == nil {
		}
		session.Close()
		n.f.add("sessions_lost", 1)
		for err := errors.New("not open"); err != nil; retry.BackOff(n.f.ctx, err) {
			n.f.again <- struct{}{}
			session, err = n.open()
			<-n.f.again
			if n.f.ctx.Err() != nil {
				return
			}
			if err != nil {
				n.f.fail(n, "reopen_failed", err)
			}
		}
	}
}

// buffers are shared by all nodes, so that an idle session holds none.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// next reads and handles one MapResponse: its length, 32 bits little-endian,
// and that many bytes of zstd.
func (n *node) next(session io.Reader, first bool) (err error) {
	var length [4]byte
	if _, err := io.ReadFull(session, length[:]); err != nil {
		return err
	}
	size := binary.LittleEndian.Uint32(length[:])
	if size > maxFrame {
		return fmt.Errorf("frame of %d bytes", size)
	}
	frame, text := buffers.Get().(*[]byte), buffers.Get().(*[]byte)
	defer buffers.Put(frame)
	defer buffers.Put(text)
	*frame = slices.Grow((*frame)[:0], int(size))[:size]
	if _, err := io.ReadFull(session, *frame); err != nil {
		return err
	}
	now := time.Now()
	*text, err = zstdframe.AppendDecode((*text)[:0], *frame, zstdframe.MaxDecodedSize(maxFrame))
	if err != nil {
		return err
	}
	n.f.add("map_zstd_bytes", int(size))
	n.f.add("map_json_bytes", len(*text))
	return n.handle(*text, first, now)
}

// mapResponse has the few fields of tailcfg.MapResponse that are looked at.
type mapResponse struct {
	KeepAlive   bool
	PingRequest *struct{}
	Node        *struct {
		ID        int64
		Key       string
		Addresses []string
	}
	DERPMap                     *struct{ Regions map[int]struct{} }
	Peers, PeersChanged         []struct{ ID int64 }
	PeersRemoved                []int64
	PeersChangedPatch           []struct{}
	PacketFilter, PacketFilters hash
}

// news is what a mode may ask about a MapResponse.
type news struct {
	text   []byte // all of it, JSON
	first  bool   // it is the first of its session
	filter bool   // it has a packet filter other than the one before
}

// lenient makes jsonv2, which is twice as fast, accept what a stock client does.
var lenient = jsonv2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// hash stands for a JSON value that is only compared; 0 for none.
type hash uint64

var hashSeed = maphash.MakeSeed()

// UnmarshalJSON is called by package json.
func (h *hash) UnmarshalJSON(text []byte) error {
	if string(text) != "null" {
		*h = hash(maphash.Bytes(hashSeed, text))
	}
	return nil
}

// handle applies a MapResponse.
func (n *node) handle(text []byte, first bool, now time.Time) error {
	var m mapResponse
	if err := jsonv2.Unmarshal(text, &m, lenient); err != nil {
		return err
	}
	if first && (m.KeepAlive || m.Node == nil || m.Node.Key != n.key.Public().String()) {
		return errors.New("it lacks the node itself")
	}
	filter := m.PacketFilter + 31*m.PacketFilters // 0: it has none
	for counter, is := range map[string]bool{
		"messages": true, "keep_alive": m.KeepAlive, "ping": m.PingRequest != nil,
		"self": m.Node != nil, "full_list": len(m.Peers) > 0, "peers_changed": len(m.PeersChanged) > 0,
		"peers_removed": len(m.PeersRemoved) > 0, "peers_patch": len(m.PeersChangedPatch) > 0,
		"packet_filter": filter != 0,
	} {
		if is {
			n.f.add(counter, 1)
		}
	}
	if m.KeepAlive {
		return nil
	}

	n.mu.Lock()
	defer n.mu.Unlock()
	if m.Node != nil {
		n.id, n.addresses = m.Node.ID, m.Node.Addresses
	}
	if m.DERPMap != nil {
		for id := range m.DERPMap.Regions {
			if n.derp == 0 || id < n.derp {
				n.derp = id
			}
		}
	}
	if first || len(m.Peers) > 0 { // Peers is the whole list
		n.peers = make(map[int64]struct{}, len(m.Peers))
	}
	for _, p := range slices.Concat(m.Peers, m.PeersChanged) {
		n.peers[p.ID] = struct{}{}
	}
	for _, id := range m.PeersRemoved {
		delete(n.peers, id)
	}
	is := news{text: text, first: first}
	if filter != 0 {
		is.filter, n.filter = filter != n.filter, filter
	}
	if match := n.f.match.Load(); match != nil && n.told.IsZero() && (*match)(is) {
		n.told = now
	}
	n.f.lastNews.Store(now.UnixNano())
	return nil
}
