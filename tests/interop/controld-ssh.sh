#!/bin/bash
# The SSH servers of stock nodes obey the policy of our control server. Of each
# release a server with a tag and a client of alice's; bob has a client too.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
RELEASES="80 92 102"
for r in $RELEASES; do need "tailscale-1.$r/tailscaled"; done
need tailscale-1.102/derper
need_ours mesh-controld
command -v ssh >/dev/null || skip_all "ssh is not installed"
net_begin

CTL=203.0.113.10 RELAY=203.0.113.11 URL=https://203.0.113.10
internet
host ctl $CTL
host relay $RELAY
mkdir -p "$NET/cert"
make_cert "$NET/cert/relay.test" relay.test $RELAY
make_cert "$NET/cert/control.test" control.test $CTL
cat "$NET"/cert/*.test.crt >"$NET/cert/ca.crt"
relay_map $RELAY relay.test >"$NET/relays.yaml"
start_derper relay relay.test
check "control server starts" start_controld ctl $CTL "$NET/relays.yaml"
for u in alice bob; do
	admin user add $u >/dev/null
	admin authkey create --user $u --reusable >"$NET/key-$u"
done
admin authkey create --user alice --reusable --tag tag:server >"$NET/key-server"
check_status 1 "nobody may be called as those whom machines with tags belong to" \
    admin user add tagged-devices

policy() {
	printf '{"tagOwners": {"tag:server": ["alice@"]},
	    "acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]%s}\n' "$1" \
	    >"$NET/policy.hujson" && admin policy set "$NET/policy.hujson"
}
rule() { # ACTION SRC USERS [MORE]
	printf ', "ssh": [{"action": "%s", "src": ["%s"], "dst": ["tag:server"], "users": [%s]%s}]' \
	    "$1" "$2" "$3" "${4:-}"
}

up() { # HOST KEY OPTION ...
	tailscale "$1" up --login-server=$URL --auth-key="$(cat "$NET/key-$2")" \
	    --hostname="$1" --accept-dns=false "${@:3}"
}
i=20
for n in $(for r in $RELEASES; do echo "s$r c$r"; done) bob; do
	i=$((i + 1))
	host "$n" 203.0.113.$i
	start_tailscaled "$n" "tailscale-1.$(sed 's/^[sc]//; s/bob/102/' <<<"$n")"
done
check "bob's client joins" up bob bob
for r in $RELEASES; do
	cell mesh-controld "SSH policy: accepted, refused" "1.$r"
	check "c$r joins" up "c$r" alice
	check "s$r joins with an SSH server" up "s$r" server --ssh
done

# login CLIENT SERVER [ACCOUNT [COMMAND ...]]: plain ssh; what the server says
# before it lets in is in $NET/CLIENT.banner.
login() {
	in_host "$1" timeout "${LOGIN_TIMEOUT:-15}" ssh -n -F none -o BatchMode=yes \
	    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
	    "${3:-root}@$(tailscale "$2" ip -4)" "${@:4}" 2>"$NET/$1.banner"
}
is_in() { [ "$(login "$1" "$2" "${3:-root}" echo in)" = in ]; }
# refused CLIENT SERVER ACCOUNT: by the server's words, not for want of a path.
refused() {
	! login "$1" "$2" "${3:-root}" true &&
	    grep -qE 'policy does not permit|refused|denied' "$NET/$1.banner"
}
in_all() { # the login by the client command of the release
	tailscale "$1" ssh "root@$2" echo in
}

policy "" >/dev/null
for r in $RELEASES; do
	cell mesh-controld "SSH policy: accepted, refused" "1.$r"
	check "no rule: refused" wait_for 20 refused "c$r" "s$r"
done
check "a policy that lets alice in as root" policy "$(rule accept alice@ '"root"')"
for r in $RELEASES; do
	cell mesh-controld "SSH policy: accepted, refused" "1.$r"
	check "alice is let in, by ssh" wait_for 15 is_in "c$r" "s$r"
	check "as root" test "$(login "c$r" "s$r" root id -un)" = root
	check "as nobody else" refused "c$r" "s$r" nobody
	check "bob is not" refused bob "s$r"
	check "by the client of the release, which knows the server's keys" \
	    env HOME="$NET/c$r" XDG_CONFIG_HOME="$NET/c$r" bash -c \
	    "$(declare -f tailscale in_host in_all); NET=$NET NET_TAG=$NET_TAG; [ \"\$(in_all c$r s$r)\" = in ]"
done

for r in $RELEASES; do
	LOGIN_TIMEOUT=90 login "c$r" "s$r" root "echo in; sleep 60" >"$NET/c$r.out" &
	echo $! >"$NET/long-$r"
done
for r in $RELEASES; do
	cell mesh-controld "SSH policy: a change ends sessions" "1.$r"
	check "alice is logged in" wait_for 15 grep -q in "$NET/c$r.out"
	check "and stays" kill -0 "$(cat "$NET/long-$r")"
done
check "a policy that lets only bob in" policy "$(rule accept bob@ '"root"')"
for r in $RELEASES; do
	cell mesh-controld "SSH policy: a change ends sessions" "1.$r"
	ended() { ! kill -0 "$(cat "$NET/long-$r")" 2>/dev/null; }
	check "alice's session is ended" wait_for 5 ended
	check "and she is refused" refused "c$r" "s$r"
	check "bob is let in" is_in bob "s$r"
done

check "a policy that asks first" policy "$(rule check alice@ '"root"' ', "checkPeriod": "1h"')"
# ask CLIENT SERVER: a login that takes its time; then its end in CLIENT.end.
ask() {
	rm -f "$NET/$1.banner" "$NET/$1.end"
	LOGIN_TIMEOUT=60
	is_in "$1" "$2"
	echo $? >"$NET/$1.end"
}
ends() { [ "$(cat "$NET/$1.end")" = "$2" ]; }
# waiting CLIENT: the URL that the client was shown.
waiting() { grep -oE 'https://[^ ]*/auth/[0-9a-f]+' "$NET/$1.banner"; }
for r in $RELEASES; do
	rm -f "$NET/c$r.banner"
	ask "c$r" "s$r" &
done
for r in $RELEASES; do
	cell mesh-controld "SSH policy: check, approved and refused" "1.$r"
	check "the client is shown a URL" wait_for 20 waiting "c$r"
	url=$(waiting "c$r")
	check_status 1 "which bob's client cannot use" is_in bob "s$r"
	check "the login waits" test ! -e "$NET/c$r.end"
	check "it is approved" admin node approve "$url"
	check "and goes on" wait_for 15 ends "c$r" 0
	check "the next one is not asked about" is_in "c$r" "s$r"
	check_status 1 "an approval is given once" admin node approve "$url"
done
check "another policy" policy "$(rule check alice@ '"root"' ', "checkPeriod": "always"')"
for r in $RELEASES; do
	rm -f "$NET/c$r.banner"
	ask "c$r" "s$r" &
done
for r in $RELEASES; do
	cell mesh-controld "SSH policy: check, approved and refused" "1.$r"
	check "approvals are over: it is asked again" wait_for 20 waiting "c$r"
	check "it is refused" admin node reject "$(waiting "c$r")"
	check "the client is not let in" wait_for 15 ends "c$r" 1
done

[ "$tap_failed" -eq 0 ] || trace
done_testing
