#!/bin/bash
# By which ways stock nodes of three releases reach our control server: port 80
# and 443, through proxies, by websocket; and clients of another age.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
. "$top_srcdir/tests/lib/stock.sh"
need_releases
need control/ctldial
need_ours mesh-controld
need_ours mesh-user
for p in nginx tinyproxy; do
	command -v $p >/dev/null || skip_all "$p is not installed"
done
net_begin
stock_world
PROXY=203.0.113.30
PLAIN=10.1.0.10 # an address of its own: stock nodes try no TLS at private ones
host proxy $PROXY
in_host ctl ip addr add $PLAIN/24 dev eth0
for n in n80 n92 n102 proxy w; do in_host $n ip route add 10.1.0.0/24 dev eth0; done
make_cert "$NET/cert/proxy.test" proxy.test $PROXY
cat "$NET"/cert/*.test.crt >"$NET/cert/ca.crt"

nodes() { each mesh-controld "$@"; }

# up URL NODE: joins from nothing there.
up() {
	tailscale "$2" up --reset --login-server="$1" --hostname="$2" \
	    --timeout=30s --accept-dns=false --auth-key="$(cat "$NET/key")"
}
# fresh NODE [VARIABLE=VALUE ...]: a new machine there, in its release.
fresh() {
	stop "tailscaled-$1"
	rm -rf "${NET:?}/$1"
	TAILSCALED_ENV=${*:2}
	stock_node "$1"
	TAILSCALED_ENV=
}
all_fresh() { for n in n80 n92 n102; do fresh $n "$@"; done; }
# Before packets are dropped: what they leave behind would stay.
none() { for n in n80 n92 n102; do stop tailscaled-$n; done; }
# at_port PORT NODE: its channel to the control server is on that port.
at_port() {
	in_host ctl ss -Htn state established "sport = :$1" |
	    grep -q "203.0.113.${2#n}:"
}
is_on_443() { ! at_port 80 "$1" && at_port 443 "$1"; }
is_in() { wait_for 20 is_running "$1"; }

# port_80 [VERDICT]: what becomes of connections to it.
port_80() {
	in_host ctl nft flush ruleset
	[ -z "${1:-}" ] || in_host ctl nft -f - <<END
table ip guard {
	chain in { type filter hook input priority 0; tcp dport 80 $1; }
}
END
}
# only_proxy: nobody but the proxy reaches the control server.
only_proxy() {
	in_host ctl nft -f - <<END
table ip guard {
	chain in { type filter hook input priority 0;
		iifname "eth0" ip saddr != $PROXY tcp dport { 80, 443, 8080 } drop; }
}
END
}

check "control server starts" start_controld ctl $CTL "$NET/relays.yaml" \
    --listen-plain $CTL:80
check "a user" admin user add alice
admin authkey create --user alice --reusable >"$NET/key"

in_host ctl nft -f - <<END
table ip count {
	counter n80 { }; counter n92 { }; counter n102 { }
	chain in { type filter hook input priority 0;
		tcp dport 80 ip saddr vmap { 203.0.113.80 : goto n80,
		    203.0.113.92 : goto n92, 203.0.113.102 : goto n102 }
	}
	chain n80 { counter name n80; }
	chain n92 { counter name n92; }
	chain n102 { counter name n102; }
}
END
all_fresh
nodes "port 80 first" "joins" up $URL
# More than a handshake; a change of routes may have moved it since.
talked_on_80() {
	in_host ctl nft -j list counter ip count "$1" |
	    jq -e '.nftables[].counter? // empty | .packets > 10'
}
nodes "port 80 first" "its channel was there" talked_on_80
none
port_80 "reject with tcp reset"
all_fresh
nodes "port 443 where port 80 is closed" "joins" up $URL
nodes "port 443 where port 80 is closed" "its channel is there" is_on_443
nodes "HTTPS, our own certificate" "runs" is_in
none
port_80 drop
all_fresh
nodes "port 443 where port 80 is a black hole" "joins" up $URL
nodes "port 443 where port 80 is a black hole" "its channel is there" is_on_443

# A proxy that is asked to connect
cat >"$NET/tinyproxy.conf" <<END
Port 3128
Listen $PROXY
Timeout 600
MaxClients 50
ConnectPort 443
END
start proxy tinyproxy tinyproxy -d -c "$NET/tinyproxy.conf"
none
port_80
only_proxy
all_fresh HTTPS_PROXY=http://$PROXY:3128 NO_PROXY=$RELAY
nodes "by an HTTP proxy (CONNECT)" "joins" up $URL
nodes "by an HTTP proxy (CONNECT)" "runs" is_in
by_proxy() {
	in_host proxy ss -Htn state established dport = :443 | grep -q "$CTL:443" &&
	    ! at_port 443 "$1" && ! at_port 80 "$1"
}
nodes "by an HTTP proxy (CONNECT)" "and by nothing else" by_proxy

# A second server: plain, alone, and behind a proxy that ends TLS
port_80
stop controld
rm -rf "$NET/control"
start ctl controld "$builddir/mesh-controld" --state "$NET/control" \
    --listen $PLAIN:8080 --url http://$PLAIN:8080 --dns-suffix mesh.test \
    --relay-map "$NET/relays.yaml" --socket "$NET/control.sock"
check "a plain server starts" wait_for 10 admin user list
check "a user" admin user add alice
admin authkey create --user alice --reusable >"$NET/key"
all_fresh
nodes "plain HTTP upgrade" "joins" up http://$PLAIN:8080
nodes "plain HTTP upgrade" "runs" is_in
at_8080() { at_port 8080 "$1"; }
nodes "plain HTTP upgrade" "its channel is there" at_8080
cat >"$NET/nginx.conf" <<END
daemon off; pid $NET/nginx.pidfile; error_log stderr; worker_processes 1; user root;
events { }
http {
	access_log $NET/nginx.access;
	client_body_temp_path $NET/body; proxy_temp_path $NET/proxy;
	fastcgi_temp_path $NET/f; uwsgi_temp_path $NET/u; scgi_temp_path $NET/s;
	map \$http_upgrade \$connection_upgrade { default upgrade; '' close; }
	server {
		listen $PROXY:443 ssl;
		ssl_certificate $NET/cert/proxy.test.crt;
		ssl_certificate_key $NET/cert/proxy.test.key;
		location / {
			proxy_pass http://$PLAIN:8080;
			proxy_http_version 1.1;
			proxy_buffering off;
			proxy_read_timeout 300s;
			proxy_set_header Host \$host;
			proxy_set_header Upgrade \$http_upgrade;
			proxy_set_header Connection \$connection_upgrade;
		}
	}
}
END
start proxy nginx nginx -c "$NET/nginx.conf" -e stderr
wait_for 5 in_host proxy sh -c 'ss -ltn | grep -q ":443 "'
none
only_proxy
all_fresh
nodes "by a reverse proxy (nginx)" "joins" up https://$PROXY
nodes "by a reverse proxy (nginx)" "runs" is_in
peers_3() { own "$1" '.Peer | length >= 2'; }
nodes "by a reverse proxy (nginx)" "hears of its peers" wait_for 10 peers_3

# By websocket, and of another age: the stock dialer with other settings
port_80
ctldial() {
	in_host w env SSL_CERT_FILE="$NET/cert/ca.crt" timeout 30 \
	    "$PEERS/control/ctldial" -authkey "$(cat "$NET/key")" "$@" \
	    >"$NET/ctldial" 2>&1
}
said() { grep -q "$1" "$NET/ctldial" || { cat "$NET/ctldial"; return 1; }; }
cell mesh-controld "by websocket" 1.102
check "joins" ctldial -websocket http://$PLAIN:8080
check "has its map" said '^map node=dialer'
check "no early payload goes there" said '^connected .* early=false'
check "through a reverse proxy with TLS" ctldial -websocket https://$PROXY
check "has its map" said '^map node=dialer.* peers=[1-9]'
cell mesh-controld "a client older than we take is told so" 1.102
check_status 1 "is refused" ctldial -version 80 https://$PROXY
check "with both versions in the reason" said 'version 80, at least 88'
check_status 1 "by websocket too" ctldial -websocket -version 80 http://$PLAIN:8080
check "with both versions in the reason" said 'version 80, at least 88'
cell mesh-controld "a client newer than we works" 1.102
check "joins" ctldial -version 999 http://$PLAIN:8080
check "has its map" said '^map node=dialer'
check "early payload" said '^connected version=999 early=true'

[ "$tap_failed" -eq 0 ] || trace
done_testing
