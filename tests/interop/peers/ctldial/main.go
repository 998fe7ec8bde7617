// SPDX-License-Identifier: ISC

// ctldial reaches a control server in ways that tailscaled does not choose by
// itself: by websocket, as a browser's client does, and as a client of another
// age. It prints what happened, a line each.
//
//	ctldial [-version N] [-websocket] [-authkey KEY] URL
package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/coder/websocket"
	"tailscale.com/control/controlbase"
	"tailscale.com/control/controlhttp"
	"tailscale.com/control/controlhttp/controlhttpcommon"
	"tailscale.com/control/ts2021"
	"tailscale.com/net/netmon"
	"tailscale.com/net/wsconn"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
	"tailscale.com/util/eventbus"
)

var (
	version = flag.Int("version", int(tailcfg.CurrentCapabilityVersion), "capability version to claim")
	webs    = flag.Bool("websocket", false, "go by websocket")
	authKey = flag.String("authkey", "", "join with this key")
)

func main() {
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := run(ctx, flag.Arg(0)); err != nil {
		fmt.Fprintf(os.Stderr, "ctldial: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, server string) error {
	u, err := url.Parse(server)
	if err != nil {
		return err
	}
	control, err := serverKey(ctx, server)
	if err != nil {
		return err
	}
	dial := dialUpgrade
	if *webs {
		dial = dialWebsocket
	}
	base, err := dial(ctx, u, key.NewMachine(), control)
	if err != nil {
		return err
	}
	conn := ts2021.NewConn(base, func() {})
	defer conn.Close()
	early, err := conn.GetEarlyPayload(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("connected version=%d early=%v\n", base.ProtocolVersion(), early != nil)
	return join(ctx, conn)
}

func serverKey(ctx context.Context, server string) (none key.MachinePublic, err error) {
	req, err := http.NewRequestWithContext(ctx, "GET", fmt.Sprintf("%s/key?v=%d", server, *version), nil)
	if err != nil {
		return none, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return none, err
	}
	defer res.Body.Close()
	var keys tailcfg.OverTLSPublicKeyResponse
	if err := json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&keys); err != nil {
		return none, err
	}
	return keys.PublicKey, nil
}

func dialUpgrade(ctx context.Context, u *url.URL, machine key.MachinePrivate, control key.MachinePublic) (*controlbase.Conn, error) {
	bus := eventbus.New()
	defer bus.Close()
	mon, err := netmon.New(bus, func(string, ...any) {})
	if err != nil {
		return nil, err
	}
	defer mon.Close()
	d := &controlhttp.Dialer{
		Hostname:        u.Hostname(),
		MachineKey:      machine,
		ControlKey:      control,
		ProtocolVersion: uint16(*version),
		Dialer:          new(net.Dialer).DialContext,
		Logf:            func(string, ...any) {},
		NetMon:          mon,
	}
	if u.Scheme == "http" {
		d.HTTPPort, d.HTTPSPort = u.Port(), controlhttp.NoPort
	} else {
		d.HTTPSPort = u.Port()
	}
	c, err := d.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return c.Conn, nil
}

// dialWebsocket is what the stock client does where it is built for browsers.
func dialWebsocket(ctx context.Context, u *url.URL, machine key.MachinePrivate, control key.MachinePublic) (*controlbase.Conn, error) {
	init, cont, err := controlbase.ClientDeferred(machine, control, uint16(*version))
	if err != nil {
		return nil, err
	}
	w := *u
	w.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	w.Path = "/ts2021"
	w.RawQuery = url.Values{
		controlhttpcommon.HandshakeHeaderName: {base64.StdEncoding.EncodeToString(init)},
	}.Encode()
	c, _, err := websocket.Dial(ctx, w.String(), &websocket.DialOptions{
		Subprotocols: []string{controlhttpcommon.UpgradeHeaderValue},
	})
	if err != nil {
		return nil, err
	}
	return cont(ctx, wsconn.NetConn(context.Background(), c, websocket.MessageBinary, w.String()))
}

// join registers and asks for one map, on the connection.
func join(ctx context.Context, conn net.Conn) error {
	t := new(http.Transport)
	t.Protocols = new(http.Protocols)
	t.Protocols.SetUnencryptedHTTP2(true)
	used := false
	t.DialContext = func(context.Context, string, string) (net.Conn, error) {
		if used {
			return nil, net.ErrClosed
		}
		used = true
		return conn, nil
	}
	client := &http.Client{Transport: t}
	node := key.NewNode().Public()
	host := &tailcfg.Hostinfo{Hostname: "dialer", BackendLogID: strings.Repeat("0", 64)}

	var reg tailcfg.RegisterResponse
	if err := post(ctx, client, "/machine/register", &tailcfg.RegisterRequest{
		Version:  tailcfg.CapabilityVersion(*version),
		NodeKey:  node,
		Hostinfo: host,
		Auth:     &tailcfg.RegisterResponseAuth{AuthKey: *authKey},
	}, func(r io.Reader) error { return json.NewDecoder(r).Decode(&reg) }); err != nil {
		return err
	}
	if reg.Error != "" {
		return fmt.Errorf("refused: %s", reg.Error)
	}
	fmt.Printf("registered user=%s\n", reg.User.DisplayName)
	return post(ctx, client, "/machine/map", &tailcfg.MapRequest{
		Version:  tailcfg.CapabilityVersion(*version),
		NodeKey:  node,
		DiscoKey: key.NewDisco().Public(),
		Hostinfo: host,
		ReadOnly: true,
	}, readMap)
}

func readMap(r io.Reader) error {
	var m tailcfg.MapResponse
	if _, err := io.CopyN(io.Discard, r, 4); err != nil { // the length
		return err
	}
	if err := json.NewDecoder(r).Decode(&m); err != nil {
		return err
	}
	fmt.Printf("map node=%s peers=%d\n", m.Node.Name, len(m.Peers))
	return nil
}

func post(ctx context.Context, client *http.Client, path string, body any, read func(io.Reader) error) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, "POST", "http://control"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != 200 {
		why, _ := io.ReadAll(io.LimitReader(res.Body, 200))
		return fmt.Errorf("%s: %s: %s", path, res.Status, why)
	}
	return read(res.Body)
}
