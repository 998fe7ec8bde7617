#!/bin/bash
# SPDX-License-Identifier: ISC
# Services that ask our socket who is calling: nginx with the stock nginx-auth,
# and a shell script with curl.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.102/tailscaled tailscale-1.102/derper tailscale-1.102/nginx-auth
need_ours meshd meshd-agent mesh-controld mesh-user mesh-up mesh-ip
net_begin

check "control, relay, a stock node and meshd" local_net
check "meshd joins" mesh_up a $LOCAL_URL
host c 203.0.113.33
admin authkey create --user alice --tag tag:robot >"$NET/key"
check "a tagged stock node" start_tailscaled c
check "joins" tailscale_up c $LOCAL_URL
host d 203.0.113.34 # on the internet, not in the network
a4=$(mesh a ip -4) b4=$(tailscale b ip -4) c4=$(tailscale c ip -4)
a6=$(mesh a ip -6) b6=$(tailscale b ip -6)
check "all are there" wait_for 10 mesh a ip c

# --- nginx-auth: it looks at the default place, which is ours in its own mounts
in_own_mounts() {
	mount -t tmpfs none /run && mkdir /run/tailscale &&
	    touch /run/tailscale/tailscaled.sock &&
	    mount --bind "$1" /run/tailscale/tailscaled.sock &&
	    exec "$2" -sockpath "$3"
}
export -f in_own_mounts
start a nginx-auth bash -c 'in_own_mounts "$@"' - "$NET/a.sock" \
    "$PEERS/tailscale-1.102/nginx-auth" "$NET/auth.sock"
# ask ADDRESS [HEADER ...]: the head of its answer
ask() {
	ask_address=$1
	shift
	in_host a curl -sS --max-time 10 -o /dev/null -D - \
	    --unix-socket "$NET/auth.sock" -H "Remote-Addr: $ask_address" \
	    -H 'Remote-Port: 5000' "$@" http://auth/ | tr -d '\r'
}
is() { # STATUS ADDRESS [HEADER ...]
	is_head=$(ask "${@:2}")
	[ "$(awk 'NR == 1 {print $2}' <<<"$is_head")" = "$1" ] || {
		echo "$is_head"
		return 1
	}
}
cell 'local API' 'nginx-auth signs a user in' nginx-auth
check "it starts" wait_for 10 test -S "$NET/auth.sock"
check "a user's node is let in" wait_for 10 is 204 "$b4"
check "by IPv6" is 204 "$b6"
for h in 'Login: alice' 'User: alice' 'Name: alice' 'Tailnet: mesh.test.'; do
	check "it says Tailscale-$h" grep -qx "Tailscale-$h" <(ask "$b4")
done
# Its network names end with the dot of the full name.
check "the network that is expected" is 204 "$b4" -H 'Expected-Tailnet: mesh.test.'
check "another one is refused" is 403 "$b4" -H 'Expected-Tailnet: other.test'
check "an address of nobody is refused" is 401 100.64.7.7
check "one of the internet too" is 401 203.0.113.34
check "and what is none" is 401 nonsense
check "a tagged node is refused" is 403 "$c4"

# --- nginx in front of it, asked by the nodes themselves
nginx_conf() {
	cat <<END
daemon off; pid $NET/nginx.pid-file; error_log stderr; user root;
events { }
http {
	access_log off; client_body_temp_path $NET/n1; proxy_temp_path $NET/n2;
	fastcgi_temp_path $NET/n3; uwsgi_temp_path $NET/n4; scgi_temp_path $NET/n5;
	server {
		listen 80; listen [::]:80;
		location / {
			auth_request /auth;
			auth_request_set \$who \$upstream_http_tailscale_user;
			add_header X-Who \$who;
			root $NET/www;
		}
		location = /auth {
			internal;
			proxy_pass http://unix:$NET/auth.sock;
			proxy_pass_request_body off;
			proxy_set_header Host \$http_host;
			proxy_set_header Remote-Addr \$remote_addr;
			proxy_set_header Remote-Port \$remote_port;
		}
	}
}
END
}
# get HOST URL WORDS: what its curl gets; status and head and body in one
get() {
	get_out=$(in_host "$1" curl -sS -i --max-time 10 "$2" 2>&1 | tr -d '\r')
	grep -qE -- "$3" <<<"$get_out" || { echo "$get_out"; return 1; }
}
if command -v nginx >/dev/null; then
	mkdir "$NET/www" && echo secret >"$NET/www/page"
	nginx_conf >"$NET/nginx.conf"
	chmod 711 "$NET"
	start a nginx nginx -c "$NET/nginx.conf"
	check "nginx lets a user in, by name" wait_for 10 get b "http://$a4/page" '^X-Who: alice'
	check "and hands out the page" get b "http://$a4/page" '^secret'
	check "by IPv6" get b "http://[$a6]/page" '^secret'
	check "a tagged node gets nothing" get c "http://$a4/page" '403 Forbidden'
	check "nor does the internet" get d http://203.0.113.31/page '401 Unauthorized'
else
	skip "nginx in front of it" "nginx is not installed"
fi

# --- curl, in ten lines of shell
cell 'local API' 'a shell script of ten lines signs a user in' curl
greet=$top_srcdir/scripts/examples/greet
check "ten lines" test "$(wc -l <"$greet")" -eq 10
start a greet env MESH_SOCKET="$NET/a.sock" \
    socat TCP6-LISTEN:8000,fork,reuseaddr,ipv6only=0 EXEC:"$greet"
check "it greets a user by name" wait_for 10 get b "http://$a4:8000/" '^Hello alice$'
check "by IPv6" get b "http://[$a6]:8000/" '^Hello alice$'
check "a tagged node gets nothing" get c "http://$a4:8000/" '403 Forbidden'
check "nor does the internet" get d http://203.0.113.31:8000/ '403 Forbidden'
start b greet-b env MESH_SOCKET="$NET/b/socket" \
    socat TCP4-LISTEN:8000,fork,reuseaddr EXEC:"$greet"
check "the same script on a stock daemon" wait_for 10 get a "http://$b4:8000/" '^Hello alice$'
stop meshd-a
check "without the daemon nobody is let in" get d http://203.0.113.31:8000/ '403 Forbidden'
[ "$tap_failed" -eq 0 ] || trace 15
done_testing
