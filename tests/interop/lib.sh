# SPDX-License-Identifier: ISC
# lib.sh - for tests against programs that we did not write. Source it first:
#
#	. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
#	need tailscale-1.102/tailscaled headscale-0.29/headscale
#
# Stock programs lie in $MESH_PEERS (default ~/.cache/mesh-peers), ours in
# $builddir (default: the current folder). What is missing skips the script.
top_srcdir=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
builddir=${builddir:-$(pwd)}
PEERS=${MESH_PEERS:-$HOME/.cache/mesh-peers}
. "$top_srcdir/tests/lib/tap.sh"
. "$top_srcdir/tests/lib/net.sh"

# need PROGRAM ...: RELEASE/PROGRAM of the stock ones.
need() {
	for need_program; do
		[ -x "$PEERS/$need_program" ] ||
		    skip_all "$PEERS/$need_program is missing"
	done
}

# ours PROGRAM: the path of a program of ours; skips when it is not built.
ours() {
	[ -x "$builddir/$1" ] || return 1
	printf '%s\n' "$builddir/$1"
}

# need_ours PROGRAM ...
need_ours() {
	for need_program; do
		ours "$need_program" >/dev/null ||
		    skip_all "$builddir/$need_program is not built"
	done
}

# make_cert FILE-STEM DNS-NAME [ADDRESS]: self-signed, FILE-STEM.crt and .key.
make_cert() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
	    -nodes -days 30 -subj "/CN=$2" \
	    -addext "subjectAltName=DNS:$2${3:+,IP:$3}" \
	    -keyout "$1.key" -out "$1.crt" 2>/dev/null
}

# cert_pin FILE.crt: its hash as relay maps write it.
cert_pin() {
	printf 'sha256-raw:%s\n' "$(openssl x509 -in "$1" -outform DER |
	    openssl dgst -sha256 -r | cut -d' ' -f1)"
}

# relay_map ADDRESS HOST-NAME [CERT-NAME] [PORT]: what Headscale and ours read.
relay_map() {
	cat <<END
regions:
  900:
    regionid: 900
    regioncode: lab
    regionname: Lab
    nodes:
      - name: 900a
        regionid: 900
        hostname: $2
        ${3:+certname: $3}
        ipv4: $1
        ipv6: none
        stunport: 3478
        derpport: ${4:-443}
END
}

# start_derper HOST NAME [OPTION ...]: stock relay on :443 with $NET/cert/NAME.crt.
start_derper() {
	start "$1" derper "$PEERS/tailscale-1.102/derper" -c "$NET/derper.json" \
	    -a :443 -http-port -1 -certmode manual -certdir "$NET/cert" \
	    -hostname "$2" -stun "${@:3}"
}

# start_headscale HOST ADDRESS MAP: stock control server at http://ADDRESS:8080;
# a reusable key of user alice in $NET/key. More: headscale ARGS. $HEADSCALE_POLICY
# is where its policy comes from, $HEADSCALE_MORE more lines of its settings.
start_headscale() {
	mkdir -p "$NET/headscale"
	cat >"$NET/headscale/config.yaml" <<END
server_url: http://$2:8080
listen_addr: 0.0.0.0:8080
metrics_listen_addr: 127.0.0.1:9090
grpc_listen_addr: 127.0.0.1:50443
noise: { private_key_path: $NET/headscale/noise.key }
prefixes: { v4: 100.64.0.0/10, v6: fd7a:115c:a1e0::/48, allocation: sequential }
derp: { server: { enabled: false }, urls: [], paths: [ $3 ], auto_update_enabled: false }
disable_check_updates: true
database: { type: sqlite, sqlite: { path: $NET/headscale/db.sqlite, write_ahead_log: true } }
log: { level: info }
policy: { ${HEADSCALE_POLICY:-mode: file, path: ""} }
dns: { magic_dns: true, base_domain: mesh.test, override_local_dns: false, nameservers: { global: [] } }
unix_socket: $NET/headscale/socket
unix_socket_permission: "0770"
${HEADSCALE_MORE:-}
END
	start "$1" headscale "$PEERS/headscale-0.29/headscale" serve \
	    -c "$NET/headscale/config.yaml"
	wait_for 15 test -S "$NET/headscale/socket" || return 1
	headscale users create alice >/dev/null 2>&1
	headscale preauthkeys create --user 1 --reusable -o json 2>/dev/null |
	    sed -n 's/.*"key": *"\([^"]*\)".*/\1/p' >"$NET/key"
	[ -s "$NET/key" ]
}

headscale() {
	timeout 15 "$PEERS/headscale-0.29/headscale" \
	    -c "$NET/headscale/config.yaml" "$@"
}

# start_controld HOST ADDRESS MAP [OPTION ...]: our control server, by https on
# port 443 with $NET/cert/control.test.crt; state in $NET/control. Give it an
# address of its own: stock nodes that come back soon try port 443 alone.
start_controld() {
	start "$1" controld "$builddir/mesh-controld" --state "$NET/control" \
	    --listen "$2:443" --url "https://$2" \
	    --cert "$NET/cert/control.test.crt" \
	    --key "$NET/cert/control.test.key" --dns-suffix mesh.test \
	    --relay-map "$3" --socket "$NET/control.sock" "${@:4}"
	wait_for 10 admin user list
}

# admin COMMAND ARGUMENT ...: mesh-COMMAND against that server.
admin() {
	admin_command=$1
	shift
	timeout 20 "$builddir/mesh-$admin_command" --socket "$NET/control.sock" "$@"
}

# start_tailscaled HOST [RELEASE [PORT]]: stock node in that machine; trusts
# $NET/cert/ca.crt when there is one, with $TAILSCALED_ENV. Then: tailscale HOST
# ARGS.
start_tailscaled() {
	mkdir -p "$NET/$1"
	echo "$PEERS/${2:-tailscale-1.102}" >"$NET/$1/release"
	tailscaled_ca=
	[ -f "$NET/cert/ca.crt" ] && tailscaled_ca="SSL_CERT_FILE=$NET/cert/ca.crt"
	start "$1" "tailscaled-$1" env $tailscaled_ca ${TAILSCALED_ENV:-} \
	    "$(cat "$NET/$1/release")/tailscaled" --statedir="$NET/$1" \
	    --socket="$NET/$1/socket" --tun=tailscale0 --port="${3:-41641}" \
	    --no-logs-no-support
	wait_for 10 test -S "$NET/$1/socket"
}

tailscale() {
	tailscale_host=$1
	shift
	in_host "$tailscale_host" timeout "${TAILSCALE_TIMEOUT:-40}" \
	    "$(cat "$NET/$tailscale_host/release")/tailscale" \
	    --socket="$NET/$tailscale_host/socket" "$@"
}

# tailscale_up HOST URL: joins with $NET/key.
tailscale_up() {
	tailscale "$1" up --login-server="$2" --auth-key="$(cat "$NET/key")" \
	    --hostname="$1" --accept-dns=false
}

# start_meshd HOST [OPTION ...]: a node of ours in that machine, its state in
# $NET/HOST; trusts $NET/cert/ca.crt too. Then: mesh HOST COMMAND ARGS.
start_meshd() {
	meshd_host=$1
	shift
	mkdir -p "$NET/$meshd_host"
	rm -f "$NET/$meshd_host.sock" # one that was killed leaves it behind
	meshd_ca=
	[ -f "$NET/cert/ca.crt" ] && meshd_ca="SSL_CERT_FILE=$NET/cert/ca.crt"
	start "$meshd_host" "meshd-$meshd_host" env $meshd_ca \
	    "$builddir/meshd" --state "$NET/$meshd_host" \
	    --socket "$NET/$meshd_host.sock" --tun mesh0 --verbose "$@"
	wait_for 10 test -S "$NET/$meshd_host.sock"
}

mesh() {
	mesh_host=$1 mesh_command=$2
	shift 2
	in_host "$mesh_host" env MESH_SOCKET="$NET/$mesh_host.sock" \
	    timeout "${MESH_TIMEOUT:-40}" "$builddir/mesh-$mesh_command" "$@"
}

# mesh_up HOST URL [OPTION ...]: joins with $NET/key.
mesh_up() {
	mesh_up_host=$1 mesh_up_url=$2
	shift 2
	mesh "$mesh_up_host" up --server "$mesh_up_url" --timeout 30s \
	    --authkey-file "$NET/key" --hostname "$mesh_up_host" "$@"
}

# start_testcontrol HOST URL MAP.json: the stock control server for tests on
# port 8080 of that machine. Then: testcontrol CALL [BODY].
start_testcontrol() {
	echo "$1" >"$NET/testcontrol.host"
	start "$1" testcontrol "$PEERS/control/testcontrol" -url "$2" -relays "$3"
	wait_for 10 testcontrol nodes
}

# testcontrol CALL [BODY]: a call of peers/testcontrol; with a body it is POST.
testcontrol() {
	in_host "$(cat "$NET/testcontrol.host")" curl -sSf --max-time 20 ${2+-d "$2"} \
	    "http://127.0.0.1:9912/$1"
}

# listen HOST PORT FILE: what comes to that TCP port, once, goes to the file.
listen() {
	start "$1" "listen-$1-$2" socat -u "TCP-LISTEN:$2,reuseaddr" "CREATE:$3"
	wait_for 5 in_host "$1" sh -c "ss -ltn | grep -q ':$2\\b'"
}

# transfer A B ADDRESS PORT KB [KB-A-SECOND]: random bytes from A to B, which
# is ADDRESS, in one TCP connection; true when all of them came, unchanged, each
# half within $TRANSFER_TIME seconds.
TRANSFER_TIME=120
transfer() {
	transfer_file=$NET/transfer.$1.$2.$4
	rm -f "$transfer_file.out"
	head -c "$5"000 /dev/urandom >"$transfer_file.in"
	listen "$2" "$4" "$transfer_file.out" || return 1
	slowly "$transfer_file.in" "${6:-}" | in_host "$1" \
	    timeout $TRANSFER_TIME socat -u - "TCP:$3:$4" || return 1
	wait_for $TRANSFER_TIME is_dead "listen-$2-$4" &&
	    cmp "$transfer_file.in" "$transfer_file.out"
}

# slowly FILE KB-A-SECOND: on stdout, a tenth of a second's worth at a time.
slowly() {
	if [ -z "$2" ]; then
		cat "$1"
		return
	fi
	while slowly_part=$(head -c "$2"00 | base64) && [ -n "$slowly_part" ]; do
		base64 -d <<<"$slowly_part"
		sleep 0.1
	done <"$1"
}

# local_net: meshd in machine a, a stock node in b, both of alice's, with our
# control server at $LOCAL_URL and a stock relay; all straight on the internet.
# Then: stock RELEASE ARGS, the stock command line program on a's socket.
LOCAL_URL=https://203.0.113.10
local_net() {
	internet
	host ctl 203.0.113.10
	host relay 203.0.113.11
	host a 203.0.113.31
	host b 203.0.113.32
	mkdir -p "$NET/cert" "$NET/home"
	make_cert "$NET/cert/relay.test" relay.test 203.0.113.11
	make_cert "$NET/cert/control.test" control.test 203.0.113.10
	cat "$NET"/cert/*.test.crt >"$NET/cert/ca.crt"
	relay_map 203.0.113.11 relay.test >"$NET/relays.yaml"
	start_derper relay relay.test
	start_controld ctl 203.0.113.10 "$NET/relays.yaml" || return 1
	admin user add alice >/dev/null
	admin authkey create --user alice --reusable >"$NET/key"
	start_tailscaled b && tailscale_up b $LOCAL_URL && start_meshd a
}

# With an end in time: no command may hang (status 124).
stock() {
	stock_release=$1
	shift
	in_host a env HOME="$NET/home" timeout "${STOCK_TIMEOUT:-15}" \
	    "$PEERS/tailscale-$stock_release/tailscale" --socket="$NET/a.sock" "$@" \
	    2> >(grep -v '^Warning: client version' >&2)
}
