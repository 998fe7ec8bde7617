// SPDX-License-Identifier: ISC

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A generator of policies: each line of the grammar comes up, in the notations
// that people use, over a world.
type generator struct {
	*rand.Rand
	w     *world
	wrong bool // still to put in one mistake
}

// An object whose members keep their order; lists are []any, texts string.
type member struct {
	name  string
	value any
}
type object []member

func (g *generator) chance(percent int) bool {
	return g.IntN(100) < percent
}

// ill returns a mistake in place of what would be right, at most once a policy.
func (g *generator) ill(right string, mistakes ...string) string {
	if !g.wrong || !g.chance(25) {
		return right
	}
	g.wrong = false
	return one(g.Rand, mistakes...)
}

// --- selectors

var (
	groupNames = []string{"group:dev", "group:ops", "group:none",
		"group:Gone"}
	hostPool = object{
		{"office", "192.168.7.0/24"}, {"lan", "10.33.0.0/16"},
		{"dns", "8.8.8.8"}, {"half-lan", "10.33.128.0/17"},
		{"ten", "10.0.0.0/8"}, {"six", "fd00:7::/64"},
		{"mesh", "100.64.0.0/10"}, {"public", "8.8.0.0/16"},
		{"NAS", "192.168.7.20"}, {"six-host", "2001:4860:4860::8888"},
		{"world", "0.0.0.0/0"},
	}
	userTokens = []string{"alice@", "alice@example.com", "bob@",
		"https://id.example/7@", "carol@example.org", "carol@example.org@",
		"dave@", "nobody@", "someone@example.net"}
	prefixPool = []string{"10.33.0.0/16", "10.33.7.0/24", "10.33.7.128/25",
		"10.0.0.0/8", "192.168.0.0/16", "192.168.7.1", "100.64.0.0/10",
		"100.64.0.0/12", "100.115.92.0/23", "fd7a:115c:a1e0::/48",
		"fd00:7::/65", "fd00:7::1", "8.8.8.8", "8.8.8.0/25", "1.0.0.0/8",
		"172.16.0.0/12", "0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1",
		"2000::/3", "2000::/4", "2606:4700::/32", "10.200.0.1",
		"10.33.7.77/16", "203.0.113.0/24"}
)

func (g *generator) address() string {
	n := one(g.Rand, g.w.Nodes...)
	a := one(g.Rand, n.Addresses...)
	if g.chance(20) {
		p, _ := a.Prefix(a.BitLen() - g.IntN(9))
		return p.String()
	}
	return a.String()
}

func (g *generator) selector() string {
	switch g.IntN(8) {
	case 0, 1:
		return one(g.Rand, userTokens...)
	case 2:
		return one(g.Rand, groupNames...)
	case 3, 4:
		return one(g.Rand, tagPool...)
	case 5:
		return one(g.Rand, hostPool...).name
	case 6:
		return g.address()
	}
	return one(g.Rand, prefixPool...)
}

func (g *generator) source() string {
	s := g.selector()
	switch g.IntN(12) {
	case 0, 1:
		s = "*"
	case 2:
		s = "autogroup:member"
	case 3:
		s = "autogroup:tagged"
	case 4:
		if g.chance(30) {
			s = "autogroup:danger-all"
		}
	}
	if g.chance(5) {
		s = " " + s + " "
	}
	return g.ill(s, "tag:nobody", "group:nobody", "nohost", "autogroup:internet",
		"autogroup:self", "autogroup:nonroot", "autogroup:admin", "ipset:x",
		"10.0.0.0/33", "1.2.3", "fd00::/129", "", "tag:", "autogroup:",
		"10.33.0.0-10.33.0.9")
}

func (g *generator) target() string {
	s := g.selector()
	switch g.IntN(12) {
	case 0, 1:
		s = "*"
	case 2:
		s = "autogroup:member"
	case 3:
		s = "autogroup:tagged"
	case 4, 5:
		s = "autogroup:internet"
	}
	return g.ill(s, "tag:nobody", "group:nobody", "nohost",
		"autogroup:danger-all", "autogroup:nonroot", "autogroup:admin",
		"10.0.0.0/33", "1.2.3", "", "autogroup:")
}

// People: what autogroup:self may go with.
func (g *generator) person() string {
	return one(g.Rand, append(slices.Concat(userTokens, groupNames),
		"autogroup:member")...)
}

func (g *generator) list(max int, item func() string) (out []any) {
	out = []any{}
	if g.chance(3) {
		return out
	}
	for range 1 + g.IntN(max) {
		out = append(out, item())
	}
	return out
}

// --- ports and protocols

func (g *generator) port() int {
	return one(g.Rand, 1, 22, 53, 80, 443, 8080, 65535, 1+g.IntN(65535))
}

func (g *generator) portRange() string {
	if g.chance(60) {
		return g.ill(fmt.Sprint(g.port()), "0", "65536", "-1", "http", "", " ")
	}
	a, b := g.port(), g.port()
	right := fmt.Sprintf("%d-%d", min(a, b), max(a, b))
	return g.ill(right, "90-80", "1-65536", "1-", "-9", "1-2-3", "a-b", "1 - 9")
}

func (g *generator) ports() string {
	if g.chance(40) {
		return "*"
	}
	var list []string
	for range one(g.Rand, 1, 1, 1, 2, 3) {
		list = append(list, g.portRange())
	}
	return strings.Join(list, ",")
}

var (
	withPorts    = []string{"tcp", "udp", "sctp", "6", "17", "132", "TCP"}
	withoutPorts = []string{"icmp", "igmp", "ipv4", "ip-in-ip", "egp", "igp",
		"gre", "esp", "ah", "ipv6-icmp", "fc", "1", "2", "47", "58", "255",
		"99", "103", "ICMP"}
)

// A protocol, or "" for none, and ports that fit it.
func (g *generator) proto() (string, func() string) {
	switch g.IntN(6) {
	case 0, 1:
		return g.ill(one(g.Rand, withPorts...), "*", "06", "256", "-1", "tcp6",
			"0"), g.ports
	case 2:
		return one(g.Rand, withoutPorts...), func() string {
			return g.ill("*", "22", "1-65535")
		}
	}
	return "", g.ports
}

// --- rules

func withPort(selector, ports string) string {
	if strings.Contains(selector, ":") && strings.Count(selector, ":") > 1 &&
		len(ports)%2 == 0 {
		// IPv6 in brackets, when that can be said
		addr, bits, _ := strings.Cut(selector, "/")
		selector = "[" + addr + "]"
		if bits != "" {
			selector += "/" + bits
		}
	}
	return selector + ":" + ports
}

func (g *generator) acl() object {
	proto, ports := g.proto()
	src := g.list(3, g.source)
	dst := g.list(3, func() string { return withPort(g.target(), ports()) })
	if g.chance(15) {
		src = g.list(3, func() string {
			return g.ill(g.person(), one(g.Rand, tagPool...), "8.8.8.8",
				"autogroup:tagged", "office")
		})
		if g.chance(20) {
			src = append(src, "*")
		}
		dst = append(dst, "autogroup:self:"+ports())
	}
	o := object{{"src", src}, {"dst", dst},
		{"action", g.ill("accept", "deny", "drop", "Accept", "")}}
	if proto != "" || g.chance(5) {
		o = append(o, member{"proto", proto})
	}
	if g.chance(5) {
		o = append(o, member{"#note", "of an editor"})
	}
	return o
}

func (g *generator) grantIP() string {
	if g.chance(40) {
		return g.ports()
	}
	if g.chance(25) {
		return one(g.Rand, withoutPorts[:11]...) + ":*"
	}
	return one(g.Rand, withPorts[:6]...) + ":" + g.ports()
}

func (g *generator) grant() object {
	src := g.list(3, g.source)
	dst := g.list(3, func() string {
		s := g.target()
		if strings.HasSuffix(s, "/0") && !g.wrong {
			return "*"
		}
		return s
	})
	if g.chance(15) {
		src = g.list(3, g.person)
		dst = append(dst, "autogroup:self")
	}
	ip := g.list(3, g.grantIP)
	if len(ip) == 0 {
		ip = []any{"*"}
	}
	if !g.chance(25) {
		return object{{"src", src}, {"dst", dst}, {"ip", ip}}
	}
	for i, d := range dst {
		if d == "autogroup:internet" {
			dst[i] = "*"
		}
		if slices.Contains(groupNames, d.(string)) {
			dst[i] = "autogroup:member" // README: unknown members
		}
	}
	for i, s := range src {
		if strings.Contains(s.(string), "danger-all") {
			src[i] = "*" // README: companions
		}
	}
	o := object{{"src", src}, {"dst", dst}, {"app", g.app()}}
	if g.chance(30) {
		o = append(o, member{"ip", ip})
	}
	return o
}

func (g *generator) app() object {
	var o object
	for _, name := range some(g.Rand, []string{"example.com/cap/door",
		"example.org/x", "tailscale.com/cap/drive", "tailscale.com/cap/relay",
		"tailscale.com/cap/kubernetes"}, 1+g.IntN(2)) {
		o = append(o, member{g.ill(name, "https://example.com/x",
			"tailscale.com/cap/ingress", "tailscale.com/cap/relay-target"),
			g.list(2, func() string { return "a\u00e4 \"b\" \\/*" })})
		if g.chance(50) {
			o[len(o)-1].value = []any{object{{"shares", []any{"docs"}},
				{"access", "ro"}}, object{}}
		}
	}
	return o
}

func (g *generator) entries(max int, entry func() object) (out []any) {
	out = []any{}
	for range g.IntN(max + 1) {
		out = append(out, entry())
	}
	return out
}

func (g *generator) policy() object {
	owners := func() []any {
		return g.list(2, func() string {
			return g.ill(one(g.Rand, "alice@", "bob@", "group:dev", "tag:web"),
				"8.8.8.8", "*", "group:nobody", "autogroup:member", "alice")
		})
	}
	users := func() []any {
		return g.list(3, func() string {
			return g.ill(one(g.Rand, userTokens...), "group:dev", "alice",
				"tag:web", "")
		})
	}
	var groups, tags object
	for _, name := range groupNames {
		members := users()
		if name == "group:none" {
			members = []any{}
		}
		groups = append(groups, member{g.ill(name, "dev", "grp:x"), members})
	}
	for _, tag := range tagPool {
		tags = append(tags, member{g.ill(tag, "tag:1st", "web"), owners()})
	}
	hosts := slices.Clone(hostPool)
	hosts[0].value = g.ill("192.168.7.0/24", "192.168.7", "here", "")
	p := object{{"groups", groups}, {"tagOwners", tags}, {"hosts", hosts}}
	switch g.IntN(10) {
	case 0: // open, unless there is a list after all
	case 1, 2, 3:
		p = append(p, member{"grants", g.entries(4, g.grant)})
	case 4, 5:
		p = append(p, member{"grants", g.entries(3, g.grant)},
			member{"acls", g.entries(4, g.acl)})
	default:
		p = append(p, member{"acls", g.entries(5, g.acl)})
	}
	if g.wrong && g.chance(10) {
		g.wrong = false
		p = append(p, member{one(g.Rand, "aclz", "Groups", "postures",
			"ipsets", "derpMap", "disableIPv4", "OneCGNATRoute"), object{}})
	}
	g.Shuffle(len(p), func(i, j int) { p[i], p[j] = p[j], p[i] })
	return p
}

// --- as text: HuJSON in many hands

func (g *generator) blank(b *strings.Builder) {
	switch g.IntN(12) {
	case 0:
		b.WriteString("\n\t")
	case 1:
		b.WriteString(" /* so, \"acls\": [ */ ")
	case 2:
		b.WriteString(" // to the end, }\n")
	case 3, 4, 5:
		b.WriteString(" ")
	}
}

func (g *generator) write(b *strings.Builder, v any) {
	g.blank(b)
	switch v := v.(type) {
	case object:
		b.WriteString("{")
		for i, m := range v {
			if i > 0 {
				b.WriteString(",")
			}
			g.write(b, m.name)
			g.blank(b)
			b.WriteString(":")
			g.write(b, m.value)
		}
		g.end(b, len(v), "}")
	case []any:
		b.WriteString("[")
		for i, item := range v {
			if i > 0 {
				b.WriteString(",")
			}
			g.write(b, item)
		}
		g.end(b, len(v), "]")
	case string:
		text, _ := json.Marshal(v)
		b.Write(text)
	}
}

func (g *generator) end(b *strings.Builder, count int, bracket string) {
	g.blank(b)
	if count > 0 && g.chance(15) {
		b.WriteString(",")
		g.blank(b)
	}
	b.WriteString(bracket)
}

func randomPolicy(r *rand.Rand, w *world, wrong bool) string {
	g := &generator{Rand: r, w: w, wrong: wrong}
	var b strings.Builder
	g.write(&b, g.policy())
	return b.String()
}
