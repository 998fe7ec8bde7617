// SPDX-License-Identifier: ISC

package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"tailscale.com/derp"
	"tailscale.com/derp/derphttp"
	"tailscale.com/net/netmon"
	"tailscale.com/net/tlsdial"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
	"tailscale.com/types/logger"
)

// connectTimeout bounds everything from TCP connect to the server's info frame.
const connectTimeout = 20 * time.Second

// target is the relay to connect to, and how.
type target struct {
	addr    string
	tls     *tls.Config
	region  *tailcfg.DERPRegion // the same, as derphttp wants it
	netMon  *netmon.Monitor
	sources []net.IP // local addresses to connect from in turn; none: any
	turn    atomic.Uint32
}

func newTarget() (*target, error) {
	host, https := strings.CutPrefix(*serverURL, "https://")
	addr, err := netip.ParseAddrPort(host)
	if err != nil || !https || !addr.Addr().Is4() || !addr.Addr().IsLoopback() {
		return nil, fmt.Errorf("-server %s: want https://127.x.x.x:PORT", *serverURL)
	}
	hash, pinned := strings.CutPrefix(*certHash, "sha256-raw:")
	if *certHash != "" && (!pinned || *insecure) {
		return nil, fmt.Errorf("-cert %s: want sha256-raw:HEX, and no -insecure", *certHash)
	}
	conf := tlsdial.Config(nil, nil) // verifies in VerifyConnection only
	conf.ServerName = *serverName
	if *insecure {
		conf.VerifyConnection = nil
	} else if pinned {
		tlsdial.SetConfigExpectedCertHash(conf, hash)
	}
	node := &tailcfg.DERPNode{Name: "900a", RegionID: 900, HostName: *serverName, IPv4: addr.Addr().String(),
		IPv6: "none", DERPPort: int(addr.Port()), CertName: *certHash, InsecureForTests: *insecure}
	t := &target{addr: host, tls: conf, netMon: netmon.NewStatic(),
		region: &tailcfg.DERPRegion{RegionID: 900, Nodes: []*tailcfg.DERPNode{node}}}
	for _, s := range strings.FieldsFunc(*sources, func(r rune) bool { return r == ',' }) {
		ip := net.ParseIP(s)
		if ip == nil {
			return nil, fmt.Errorf("-sources: %q is no IP address", s)
		}
		t.sources = append(t.sources, ip)
	}
	return t, nil
}

// stock connects with a fresh key as tailscaled does: derphttp, with "fast start" (no HTTP
// response) if the server offers it.
func (t *target) stock() (*derphttp.Client, error) {
	c := derphttp.NewRegionClient(key.NewNode(), logger.Discard, t.netMon, func() *tailcfg.DERPRegion { return t.region })
	defer time.AfterFunc(connectTimeout, func() { c.Close() }).Stop()
	return c, awaitInfo(c.Recv) // which connects first
}

// client is the stock derp.Client on a connection of ours: lighter than
// derphttp, never reconnects, and one can write broken frames to it.
type client struct {
	*derp.Client          // nil before join
	conn, raw    net.Conn // TLS, and TCP under it
	brw          *bufio.ReadWriter
}

// tcp opens a connection, from the next source address if there are any.
func (t *target) tcp() (net.Conn, error) {
	d := net.Dialer{Timeout: connectTimeout}
	if len(t.sources) > 0 {
		d.LocalAddr = &net.TCPAddr{IP: t.sources[t.turn.Add(1)%uint32(len(t.sources))]}
	}
	return d.Dial("tcp", t.addr)
}

// cutAfter closes the connection, without a TLS goodbye, unless stopped in time.
func (c *client) cutAfter(d time.Duration) *time.Timer {
	return time.AfterFunc(d, func() { c.raw.Close() })
}

// upgrade connects as far as the HTTP upgrade to DERP, without fast start.
func (t *target) upgrade() (*client, error) {
	raw, err := t.tcp()
	if err != nil {
		return nil, err
	}
	c := &client{conn: tls.Client(raw, t.tls), raw: raw}
	c.brw = bufio.NewReadWriter(bufio.NewReaderSize(c.conn, 512), bufio.NewWriterSize(c.conn, 512))
	defer c.cutAfter(connectTimeout).Stop()
	fmt.Fprintf(c.brw, "GET /derp HTTP/1.1\r\nHost: %s\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n", *serverName)
	if err = c.brw.Flush(); err == nil {
		var resp *http.Response
		resp, err = http.ReadResponse(c.brw.Reader, nil)
		if err == nil && resp.StatusCode != http.StatusSwitchingProtocols {
			err = fmt.Errorf("upgrade: %s", resp.Status)
		}
	}
	if err != nil {
		raw.Close()
	}
	return c, err
}

// join connects with a fresh key and does the whole handshake, up to the server's info frame.
func (t *target) join() (*client, error) {
	c, err := t.upgrade()
	if err == nil {
		err = c.join()
	}
	return c, err
}

// join takes an upgraded connection up to the server's info frame.
func (c *client) join() (err error) {
	defer c.cutAfter(connectTimeout).Stop()
	if c.Client, err = derp.NewClient(key.NewNode(), c.conn, c.brw, logger.Discard); err == nil {
		err = awaitInfo(c.Recv)
	}
	if err != nil {
		c.raw.Close()
	}
	return err
}

// ping asks the server for a sign of life. It returns what else came before it.
func (c *client) ping(limit time.Duration) (before []derp.ReceivedMessage, err error) {
	defer c.cutAfter(limit).Stop()
	if err := c.SendPing([8]byte{'r', 'e', 'l', 'a', 'y'}); err != nil {
		return nil, err
	}
	for {
		m, err := c.Recv()
		if _, ok := m.(derp.PongMessage); ok || err != nil {
			return before, err
		}
		before = append(before, m)
	}
}

type recvFunc func() (derp.ReceivedMessage, error)

// awaitInfo returns once the server's info frame came: from then on the client
// can be reached.
func awaitInfo(recv recvFunc) error {
	for {
		m, err := recv()
		if err != nil {
			return fmt.Errorf("awaiting server info: %w", err)
		}
		if info, ok := m.(derp.ServerInfoMessage); ok {
			if n := info.TokenBucketBytesPerSecond; n != 0 {
				log.Printf("the server asks for at most %d B/s: the stock client silently drops the rest", n)
			}
			return nil
		}
	}
}

// each calls do for every packet, until the connection ends.
func each(recv recvFunc, do func(derp.ReceivedPacket)) error {
	for {
		m, err := recv()
		if err != nil {
			return err
		}
		if p, ok := m.(derp.ReceivedPacket); ok {
			do(p)
		}
	}
}
